"""The request to end, heard also by who sleeps on something else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stop(threading.Event):
    """An event that also rings for those who wait for other things, so that nobody has to look whether it is set."""

    def __init__(self) -> None:
        super().__init__()
        self._rings: list[Callable[[], object]] = []

    def set(self) -> None:
        """Ask for the end; each that is `ringing` is called once, in this thread."""
        super().set()
        for ring in tuple(self._rings):
            ring()

    @contextmanager
    def ringing(self, ring: Callable[[], object]) -> Iterator[None]:
        """Within, `ring` is called when it is set, and at once when it is already; it must not wait."""
        self._rings.append(ring)
        try:
            if self.is_set():
                ring()
            yield
        finally:
            self._rings.remove(ring)
