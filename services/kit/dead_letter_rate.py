"""When so much is rejected that the messages are not at fault."""

from collections import deque

from services.kit.clock import Clock
from services.kit.errors import FrottisError

# A message is poison by itself now and then: a damaged tile, a report that no HL7 can say. More than a hundred of one
# topic within an hour have one cause outside them (a new version, a lost store), and to go on would reject good work
# that a restart, or a mend and a restart, takes through. What was rejected long ago says nothing of that.
MOST_DEAD_LETTERS, WITHIN_S = 100, 3600.0


class TooManyDeadLetters(FrottisError):
    """The consumer stopped rather than empty its topic into the dead letters."""


class DeadLetterRate:
    """Counts what one subscription rejects, over a sliding hour of monotonic time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moments: deque[float] = deque(maxlen=MOST_DEAD_LETTERS + 1)

    def count(self, service: str, topic: str) -> None:
        """One more. Raises TooManyDeadLetters."""
        self._moments.append(self._clock.monotonic())
        if len(self._moments) > MOST_DEAD_LETTERS and self._moments[-1] - self._moments[0] <= WITHIN_S:
            raise TooManyDeadLetters(
                f"{service} rejected more than {MOST_DEAD_LETTERS} messages of {topic} within an hour and stopped: see "
                "`frottis dead-letters list`, mend the cause, start it again and replay them"
            )
