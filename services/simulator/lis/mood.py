"""What the simulated LIS is like for now, in words such as `ae:0.1 silent:0.05`: shares of messages; the rest go well.

A word without a share is for every message. Which message gets what follows from the seed and the number of messages
before it, also after a restart.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.simulator.errors import SimulatorError
from services.simulator.lis.behaviour import Behaviour, Manner

WORDS: Mapping[str, Manner] = {
    "normal": Manner.ACCEPT,
    "ae": Manner.ERROR,
    "ar": Manner.REJECT,
    "ar-header": Manner.REJECT_HEADER,
    "silent": Manner.SILENT,
    "slow": Manner.SLOW,
    "late": Manner.LATE,
    "garbage": Manner.GARBAGE,
    "close": Manner.CLOSE,
    "half": Manner.HALF_FRAME,
    "bytes": Manner.BYTE_BY_BYTE,
    "twice": Manner.ACCEPT_TWICE,
    "foreign": Manner.WRONG_CONTROL_ID,
    "commit": Manner.COMMIT_THEN_ACCEPT,
    "commit-ae": Manner.COMMIT_THEN_ERROR,
}


class MoodError(SimulatorError):
    """A word for a behaviour that there is none of, or shares beyond all messages."""


def parse_words(text: str) -> dict[Manner, float]:
    """Shares by manner. Raises MoodError."""
    shares: dict[Manner, float] = {}
    for word in text.split():
        name, _, share = word.partition(":")
        try:
            shares[WORDS[name]] = float(share or 1)
        except (KeyError, ValueError) as error:
            raise MoodError(
                f"{word!r} is no behaviour: give one of {', '.join(WORDS)}, and :SHARE from 0 to 1"
            ) from error
    if any(share < 0 for share in shares.values()) or sum(shares.values()) > 1 + 1e-9:
        raise MoodError(f"the shares of {text!r} are not parts of all messages: together they are 1 at most")
    return shares


@dataclass(frozen=True)
class Mood:
    """Draws a behaviour for each message. `control`, while there is such a file, says the words instead of `shares`."""

    shares: Mapping[Manner, float]
    seed: int = 0
    # Of SLOW.
    slow_s: float = 2.0
    control: Path | None = None

    def behaviour(self, number: int) -> Behaviour:
        """For the message before which `number` came. Raises MoodError, OSError."""
        shares = self.shares
        if self.control is not None and self.control.exists():
            shares = parse_words(self.control.read_text(encoding="utf-8"))
        drawn = random.Random(f"{self.seed} {number}").random()
        for manner, share in shares.items():
            drawn -= share
            if drawn < 0:
                return Behaviour(manner, self.slow_s if manner is Manner.SLOW else 0.0)
        return Behaviour()
