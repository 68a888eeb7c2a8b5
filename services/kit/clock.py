"""Time as a dependency, so that no test sleeps."""

import time
from datetime import UTC, datetime
from typing import Protocol

from google.protobuf.timestamp_pb2 import Timestamp


class Clock(Protocol):
    """Wall-clock time for records and deadlines, monotonic time for durations."""

    def now(self) -> datetime:
        """The moment in UTC. May step back when an operator sets the clock."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, from an arbitrary start."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that tests move by hand; both faces move together unless `set_wall` steps the wall clock alone."""

    def __init__(self, start: datetime) -> None:
        self._wall = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._wall = datetime.fromtimestamp(self._wall.timestamp() + seconds, UTC)
        self._monotonic += seconds

    def set_wall(self, moment: datetime) -> None:
        """Step the wall clock, as an operator or NTP does; monotonic time is untouched."""
        self._wall = moment


def to_timestamp(moment: datetime) -> Timestamp:
    """A protobuf timestamp of an aware `moment`."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone cannot be put on record: make it aware (UTC)")
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def from_timestamp(stamp: Timestamp) -> datetime:
    """The aware UTC moment of a protobuf timestamp."""
    return stamp.ToDatetime(UTC)
