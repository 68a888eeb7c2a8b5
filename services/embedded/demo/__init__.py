"""`frottis demo`: the hospital around Frottis, simulated, and one slide's way through it."""

from services.embedded.demo.demonstration import DemonstrationFailed, demonstrate, through_the_hospital
from services.embedded.demo.engine import Engine, Start, embedded

__all__ = ["DemonstrationFailed", "Engine", "Start", "demonstrate", "embedded", "through_the_hospital"]
