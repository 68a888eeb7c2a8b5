"""Messages that wait in this process, most urgent first."""

import heapq
import itertools
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

# A topic and the number of one of its partitions, as kafka-python's TopicPartition.
Place = tuple[str, int]
# What holding a message costs beside its own bytes: objects, heap entry, offset.
OVERHEAD_BYTES = 1000


@dataclass(frozen=True)
class Held:
    """A fetched message. `urgency` is its deadline (unix s), infinite without one."""

    place: Place
    offset: int
    urgency: float
    size: int
    record: Any
    attempts: int = 0

    @property
    def position(self) -> tuple[Place, int]:
        return self.place, self.offset


class Backlog:
    """A queue by urgency, then by arrival. A message that was put back comes again at its old place once it is due."""

    def __init__(self) -> None:
        # Per topic: (urgency, arrival, message).
        self._ready: dict[str, list[tuple[float, int, Held]]] = {}
        # (when due in monotonic s, arrival, message).
        self._delayed: list[tuple[float, int, Held]] = []
        self._arrivals: dict[tuple[Place, int], int] = {}
        self._count = itertools.count()
        self._sizes: Counter[str] = Counter()

    def add(self, held: Held) -> None:
        self.put_back(held, due=0.0)

    def put_back(self, held: Held, due: float) -> None:
        """Not to be taken before `due` (monotonic s)."""
        arrival = self._arrivals.setdefault(held.position, next(self._count))
        heapq.heappush(self._delayed, (due, arrival, held))
        self._sizes[held.place[0]] += held.size

    def size(self, topic: str) -> int:
        """What waits of a topic, in bytes."""
        return self._sizes[topic]

    @property
    def empty(self) -> bool:
        """Nothing waits."""
        return not (self._ready or self._delayed)

    def take(self, topics: Collection[str], limit: int, now: float) -> list[Held]:
        """Up to `limit` due messages of one of `topics`."""
        self._ripen(now)
        due = self._ready.keys() & set(topics)
        topic = min(due, key=lambda name: self._ready[name][0][:2], default=None)
        if topic is None:
            return []
        queue = self._ready[topic]
        taken = [heapq.heappop(queue)[2] for _ in range(min(limit, len(queue)))]
        if not queue:
            del self._ready[topic]
        self._sizes[topic] -= sum(held.size for held in taken)
        return taken

    def next_due(self) -> float | None:
        """When the next message that waits for its time is due (monotonic s); None without any."""
        return self._delayed[0][0] if self._delayed else None

    def forget(self, held: Held) -> None:
        """A message that was taken will not be put back."""
        self._arrivals.pop(held.position, None)

    def drop(self, places: Collection[Place]) -> None:
        """Let go of what waits from these partitions."""
        kept = [entry for queue in self._ready.values() for entry in queue if entry[2].place not in places]
        self._ready = {}
        for entry in kept:
            self._queue(entry[2].place[0]).append(entry)
        for queue in self._ready.values():
            heapq.heapify(queue)
        self._delayed = [entry for entry in self._delayed if entry[2].place not in places]
        heapq.heapify(self._delayed)
        self._arrivals = {position: n for position, n in self._arrivals.items() if position[0] not in places}
        self._sizes.clear()
        for entry in (*kept, *self._delayed):
            self._sizes[entry[2].place[0]] += entry[2].size

    def _ripen(self, now: float) -> None:
        while self._delayed and self._delayed[0][0] <= now:
            _, arrival, held = heapq.heappop(self._delayed)
            heapq.heappush(self._queue(held.place[0]), (held.urgency, arrival, held))

    def _queue(self, topic: str) -> list[tuple[float, int, Held]]:
        return self._ready.setdefault(topic, [])
