"""How far one partition is done, when its messages are not done in their order.

Kafka keeps one number for a group and partition: everything below it is done. Urgent messages overtake, and a retried
one stays behind, so the offsets above that number that are done as well go into the text that Kafka keeps beside it; a
worker that takes the partition over passes over them.
"""

import heapq
import itertools
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

# Kafka's own limit (offset.metadata.max.bytes) is 4,096. What does not fit is delivered again after a crash.
MOST_CHARACTERS = 4000
_FORMAT = "1:"


@dataclass(frozen=True)
class Progress:
    """`offset` is the next to be read: all below it are done. `beyond` names those above it that are done as well."""

    offset: int
    beyond: str = ""


class PartitionOffsets:
    """The offsets of one partition that were fetched, and which of them are done."""

    def __init__(self, start: Progress) -> None:
        self.committed = start
        self._next = start.offset
        self._done = set(decode(start))
        self._open: set[int] = set()
        self._in_order: list[int] = []

    @property
    def next_offset(self) -> int:
        """The first offset that was not fetched."""
        return self._next

    def fetched(self, offset: int) -> bool:
        """Note that the message at `offset` is here; False when it is done or was here already."""
        self._next = max(self._next, offset + 1)
        if offset in self._done or offset in self._open:
            return False
        self._open.add(offset)
        heapq.heappush(self._in_order, offset)
        return True

    def passed(self, next_offset: int) -> None:
        """Nothing below `next_offset` is still to come; Kafka's own markers take offsets too."""
        self._next = max(self._next, next_offset)

    def finish(self, offset: int) -> None:
        """The message at `offset` is done; nothing happens when it is not here."""
        if offset in self._open:
            self._open.remove(offset)
            self._done.add(offset)

    def progress(self) -> Progress:
        """What may be committed now."""
        while self._in_order and self._in_order[0] not in self._open:
            heapq.heappop(self._in_order)
        offset = self._in_order[0] if self._in_order else self._next
        self._done = {done for done in self._done if done >= offset}
        return Progress(offset, encode(offset, self._done))


def encode(offset: int, done: AbstractSet[int]) -> str:
    """The offsets of `done` as ranges relative to `offset`, lowest first, as many as fit."""
    text = _FORMAT
    for first, last in _ranges(done):
        part = f"{first - offset}" if first == last else f"{first - offset}-{last - offset}"
        if len(text) + len(part) >= MOST_CHARACTERS:
            break
        text += part if text == _FORMAT else f",{part}"
    return "" if text == _FORMAT else text


def decode(progress: Progress) -> Iterator[int]:
    """The offsets that `beyond` names; none when the text is not ours."""
    if not progress.beyond.startswith(_FORMAT):
        return
    for part in progress.beyond.removeprefix(_FORMAT).split(","):
        first, _, last = part.partition("-")
        yield from range(progress.offset + int(first), progress.offset + int(last or first) + 1)


def _ranges(offsets: Iterable[int]) -> Iterator[tuple[int, int]]:
    # Neighbours differ from their rank by the same number.
    for _, run in itertools.groupby(enumerate(sorted(offsets)), lambda ranked: ranked[1] - ranked[0]):
        members = [offset for _, offset in run]
        yield members[0], members[-1]
