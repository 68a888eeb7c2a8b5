"""Decoded tiles, kept within a fixed memory."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from services.ingestion.slides.slide import Pixels


@dataclass(slots=True)
class _Slot:
    place: int
    users: int = 1
    ready: bool = False
    failed: bool = False


class TileCache:
    """At most `slots` tiles of `shape` (height, width, 3), the least recently used making room.

    Memory is one array, allocated once: pages that stay mapped decode twice as fast as fresh ones. Several threads may
    use it; a tile wanted by two is decoded once.
    """

    def __init__(self, slots: int, shape: tuple[int, int, int]) -> None:
        self._pixels = np.empty((slots, *shape), np.uint8)
        self._free = list(range(slots))
        self._slots: OrderedDict[int, _Slot] = OrderedDict()
        self._changed = threading.Condition()

    @contextmanager
    def tile(self, key: int, decode: Callable[[Pixels], None]) -> Iterator[Pixels]:
        """The pixels of the tile called `key`, which `decode` fills where they are not here; valid inside the block.

        What `decode` raises goes to every caller waiting for the tile that tries it; nothing of it is kept.
        """
        slot, fill = self._taken(key)
        try:
            if fill:
                self._fill(key, slot, decode)
            yield self._pixels[slot.place]
        finally:
            self._give_back(slot)

    def _taken(self, key: int) -> tuple[_Slot, bool]:
        with self._changed:
            while True:
                slot = self._slots.get(key)
                if slot is None:
                    place = self._make_room()
                    if place is not None:
                        self._slots[key] = slot = _Slot(place)
                        return slot, True
                elif slot.ready:
                    slot.users += 1
                    self._slots.move_to_end(key)
                    return slot, False
                self._changed.wait()

    def _make_room(self) -> int | None:
        if self._free:
            return self._free.pop()
        for key, slot in self._slots.items():
            if not slot.users:
                del self._slots[key]
                return slot.place
        return None

    def _fill(self, key: int, slot: _Slot, decode: Callable[[Pixels], None]) -> None:
        try:
            decode(self._pixels[slot.place])
        except BaseException:
            with self._changed:
                slot.failed = True
                del self._slots[key]
            raise
        with self._changed:
            slot.ready = True
            self._changed.notify_all()

    def _give_back(self, slot: _Slot) -> None:
        with self._changed:
            slot.users -= 1
            if slot.failed:
                self._free.append(slot.place)
            if not slot.users:
                self._changed.notify_all()
