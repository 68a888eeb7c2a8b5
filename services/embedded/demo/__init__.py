"""`frottis demo`: the hospital around Frottis, simulated, and one slide's way through it."""

from services.embedded.demo.demonstration import demonstrate

__all__ = ["demonstrate"]
