"""Whose turn it is, and when: stat before routine, then by deadline; never again at once after a failure."""

from collections.abc import Sequence

from services.kit.clock import Clock
from services.lis.outbox.entry import Waiting


class Turns:
    """Pauses in monotonic seconds, doubled at each failure in a row. Kept in memory: a restart tries at once."""

    def __init__(self, clock: Clock, first_s: float, longest_s: float) -> None:
        self._clock = clock
        self._first_s = first_s
        self._longest_s = longest_s
        self._line_failures = 0
        self._line_due = 0.0
        self._failures: dict[int, int] = {}
        self._due: dict[int, float] = {}

    @property
    def line_is_due(self) -> bool:
        """Whether the LIS may be tried at all."""
        return self._clock.monotonic() >= self._line_due

    def next(self, waiting: Sequence[Waiting]) -> Waiting | None:
        """The message to send now.

        One that failed goes behind those that have not, so that a message on which the LIS breaks blocks no other.
        """
        now = self._clock.monotonic()
        due = [entry for entry in waiting if self._due.get(entry.id, 0.0) <= now]
        return min(due, key=self._rank, default=None) if self.line_is_due else None

    def line_failed(self) -> None:
        """The exchange failed for reasons of the line: everything waits."""
        self._line_failures += 1
        self._line_due = self._clock.monotonic() + self._pause(self._line_failures)

    def failed(self, entry_id: int) -> None:
        """The exchange failed with this message on it."""
        self._failures[entry_id] = self._failures.get(entry_id, 0) + 1

    def postpone(self, entry_id: int) -> None:
        """The LIS wants this message later; others may go on."""
        self.failed(entry_id)
        self._due[entry_id] = self._clock.monotonic() + self._pause(self._failures[entry_id])

    def answered(self) -> None:
        """The line works."""
        self._line_failures, self._line_due = 0, 0.0

    def forget(self) -> None:
        """Another replica sends: what is known of line and messages grows old."""
        self.answered()
        self._failures.clear()
        self._due.clear()

    def done(self, entry_id: int) -> None:
        """The message has ended."""
        self._failures.pop(entry_id, None)
        self._due.pop(entry_id, None)

    def _pause(self, failures: int) -> float:
        return min(self._first_s * 2.0 ** min(failures - 1, 30), self._longest_s)

    def _rank(self, entry: Waiting) -> tuple[int, int, float, int]:
        return self._failures.get(entry.id, 0), -entry.priority, entry.deadline.timestamp(), entry.id
