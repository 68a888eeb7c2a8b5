"""`frottis demo`: the hospital around Frottis, simulated, and one slide's way through it."""

from services.embedded.demo.demonstration import demonstrate, through_the_hospital
from services.embedded.demo.engine import Engine, Start, embedded
from services.embedded.demo.errors import DemonstrationFailed

__all__ = ["DemonstrationFailed", "Engine", "Start", "demonstrate", "embedded", "through_the_hospital"]
