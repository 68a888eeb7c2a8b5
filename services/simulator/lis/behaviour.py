"""How the simulated LIS answers a message: well, or in one of the ways that real ones go wrong."""

from dataclasses import dataclass
from enum import Enum, auto


class Manner(Enum):
    """What happens after a message has come in whole."""

    ACCEPT = auto()
    # Enhanced mode: CA, then AA.
    COMMIT_THEN_ACCEPT = auto()
    # CA, then AE: stored by the interface, refused by the application.
    COMMIT_THEN_ERROR = auto()
    ACCEPT_TWICE = auto()
    # AA after `seconds`.
    SLOW = auto()
    # Stored, never answered.
    SILENT = auto()
    # Stored; the answer comes when the next message has come in, before that one's own.
    LATE = auto()
    ERROR = auto()
    # AR that blames MSH-9.
    REJECT_HEADER = auto()
    # AR without a word: come back later.
    REJECT = auto()
    GARBAGE = auto()
    # AA that names a message nobody sent.
    WRONG_CONTROL_ID = auto()
    # Stored; the connection is closed instead of an answer.
    CLOSE = auto()
    # The first half of an answer, then the connection is closed.
    HALF_FRAME = auto()
    # The answer in single bytes.
    BYTE_BY_BYTE = auto()


@dataclass(frozen=True)
class Behaviour:
    """A manner, and for SLOW how many seconds it takes."""

    manner: Manner = Manner.ACCEPT
    seconds: float = 0.0

    @property
    def stores(self) -> bool:
        """Whether the report counts for the LIS although its sender may not learn of it."""
        return self.manner not in (
            Manner.ERROR,
            Manner.REJECT_HEADER,
            Manner.REJECT,
            Manner.COMMIT_THEN_ERROR,
        )
