"""Where the thread that fetches and the threads that handle meet: what waits, what is out, what is done."""

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from services.kit.kafka.backlog import Backlog, Held, Place
from services.kit.kafka.offsets import PartitionOffsets, Progress


@dataclass(frozen=True)
class _Out:
    """A message in the handler's hands since `since` (monotonic s); `moved` when its partition is no longer ours."""

    held: Held
    since: float
    moved: bool = False


class Inbox:
    """All of one group in this process, about `most_bytes` of each topic. Any thread may call every method."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._changed = threading.Condition()
        self._backlog = Backlog()
        self._out: dict[tuple[Place, int], _Out] = {}
        self._offsets: dict[Place, PartitionOffsets] = {}
        self._failure: BaseException | None = None
        self._woken: set[str] = set()

    # For the handling threads.

    def take(self, topics: Collection[str], limit: int, timeout_s: float) -> Sequence[Held]:
        """Up to `limit` messages of one of `topics`, most urgent first; raises what the fetching thread failed of.

        None once one of them was woken.
        """
        until = time.monotonic() + timeout_s
        with self._changed:
            while True:
                if self._failure is not None:
                    raise self._failure
                now = time.monotonic()
                taken = self._backlog.take(topics, limit, now)
                if taken or not self._woken.isdisjoint(topics) or now >= until:
                    break
                self._changed.wait(min(until, self._backlog.next_due() or until) - now)
            self._woken -= set(topics)
            self._out.update({held.position: _Out(held, now) for held in taken})
            return taken

    def finish(self, positions: Collection[tuple[Place, int]]) -> None:
        """These are done. One whose partition has moved on in the meantime is passed over."""
        with self._changed:
            for place, offset in positions:
                out = self._out.pop((place, offset), None)
                if out is not None:
                    self._backlog.forget(out.held)
                if place in self._offsets:
                    self._offsets[place].finish(offset)
            self._changed.notify_all()

    def put_back(self, positions: Collection[tuple[Place, int]], delay_s: float) -> None:
        """Let these be taken again after `delay_s` seconds, as one attempt more."""
        due = time.monotonic() + delay_s
        with self._changed:
            for position in positions:
                out = self._out.pop(position, None)
                if out is not None and not out.moved:
                    self._backlog.put_back(replace(out.held, attempts=out.held.attempts + 1), due)

    def wake(self, topics: Collection[str]) -> None:
        """Have a `take` of these return, now or the next time."""
        with self._changed:
            self._woken |= set(topics)
            self._changed.notify_all()

    def flushed(self, within_s: float) -> bool:
        """Wait until all that is done is committed; False when it is not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._uncommitted(self._offsets), within_s)

    # For the fetching thread.

    def full(self, topic: str) -> bool:
        """As much of the topic waits as may."""
        with self._changed:
            return self._backlog.size(topic) >= self._most_bytes

    def roomy(self, topic: str) -> bool:
        """Empty enough to fetch the topic again after it was full."""
        with self._changed:
            return self._backlog.size(topic) <= self._most_bytes // 2

    @property
    def busy(self) -> bool:
        """Something waits, is out, or is to be committed: time matters."""
        with self._changed:
            return not self._backlog.empty or bool(self._out or self._uncommitted(self._offsets))

    def oldest_out_s(self) -> float:
        """How long the longest message that is out has been so; 0 without any."""
        with self._changed:
            now = time.monotonic()
            return max((now - out.since for out in self._out.values()), default=0.0)

    def known(self) -> Collection[Place]:
        with self._changed:
            return list(self._offsets)

    def open(self, place: Place, start: Progress) -> None:
        """The partition is ours from now on."""
        with self._changed:
            self._offsets[place] = PartitionOffsets(start)

    def accept(self, messages: Sequence[Held], passed_over: Sequence[Held], next_offsets: Mapping[Place, int]) -> None:
        """Fetched messages; `passed_over` are not ours to handle, below `next_offsets` nothing else will come.

        What comes of partitions that are not ours, since they were left meanwhile, is let go.
        """
        with self._changed:
            for held in self._fetched(messages):
                self._backlog.add(held)
            for held in self._fetched(passed_over):
                self._offsets[held.place].finish(held.offset)
            for place in next_offsets.keys() & self._offsets.keys():
                self._offsets[place].passed(next_offsets[place])
            self._changed.notify_all()

    def next_offsets(self) -> Mapping[Place, int]:
        """The first offset of each partition that was not fetched."""
        with self._changed:
            return {place: offsets.next_offset for place, offsets in self._offsets.items()}

    def progress(self, places: Collection[Place]) -> Mapping[Place, Progress]:
        """What is done and not committed, of those of `places` that are ours."""
        with self._changed:
            return self._uncommitted([place for place in places if place in self._offsets])

    def committed(self, progress: Mapping[Place, Progress]) -> None:
        with self._changed:
            for place, done in progress.items():
                if place in self._offsets:
                    self._offsets[place].committed = done
            self._changed.notify_all()

    def stop_delivering(self, places: Collection[Place]) -> None:
        """Nothing more of these partitions is taken; what is out may be finished."""
        with self._changed:
            self._backlog.drop(places)

    def any_out(self, places: Collection[Place]) -> bool:
        with self._changed:
            return any(out.held.place in places and not out.moved for out in self._out.values())

    def give_up(self, places: Collection[Place]) -> None:
        """These partitions are no longer ours."""
        with self._changed:
            self._backlog.drop(places)
            # They stay in the handler's hands: one that hangs is noticed by them.
            moved = {position: replace(out, moved=True) for position, out in self._out.items() if position[0] in places}
            self._out.update(moved)
            for place in places:
                self._offsets.pop(place, None)
            self._changed.notify_all()

    def leave(self, topics: Collection[str]) -> None:
        """Nobody handles these any more: what is out will not be finished, what is ours given up."""
        with self._changed:
            self._out = {position: out for position, out in self._out.items() if position[0][0] not in topics}
        self.give_up([place for place in self.known() if place[0] in topics])

    def fail(self, failure: BaseException) -> None:
        """Have the handling threads raise this."""
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def _fetched(self, messages: Sequence[Held]) -> Iterator[Held]:
        """Those that are new, of our partitions."""
        for held in messages:
            if held.place in self._offsets and self._offsets[held.place].fetched(held.offset):
                yield held

    def _uncommitted(self, places: Collection[Place]) -> Mapping[Place, Progress]:
        progress = {place: self._offsets[place].progress() for place in places}
        return {place: done for place, done in progress.items() if done != self._offsets[place].committed}
