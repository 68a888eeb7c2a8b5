"""Work done a little ahead in threads, so that decoding and inference overlap and memory stays bounded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

ItemT = TypeVar("ItemT")
DoneT = TypeVar("DoneT")


def mapped(
    pool: Executor, work: Callable[[ItemT], DoneT], items: Iterable[ItemT], ahead: int
) -> Iterator[tuple[ItemT, DoneT]]:
    """Each item with its result, in order; at most `ahead` are worked on or wait to be taken. Raises what `work` does.

    The work is done in the context of who asks, so that its spans and log lines stand in the same traces.
    """
    waiting: deque[tuple[ItemT, Future[DoneT]]] = deque()
    source = iter(items)
    try:
        for item in source:
            waiting.append((item, pool.submit(copy_context().run, work, item)))
            if len(waiting) >= ahead:
                yield _taken(waiting)
        while waiting:
            yield _taken(waiting)
    finally:
        for _, future in waiting:
            future.cancel()


class Batches:
    """Work on batches of `size` items, `at_once` of them at a time, in threads of its own."""

    def __init__(self, size: int, at_once: int) -> None:
        self._size = size
        self._ahead = 2 * at_once
        self._pool = ThreadPoolExecutor(at_once, "analysis-batch")

    def map(self, work: Callable[[list[ItemT]], DoneT], items: Iterable[ItemT]) -> Iterator[DoneT]:
        """What `work` makes of each batch, in order. Raises what it raises; what was not begun by then is dropped."""
        for _, done in mapped(self._pool, work, batched(items, self._size), self._ahead):
            yield done

    def close(self) -> None:
        """Wait for the batches that were begun."""
        self._pool.shutdown(cancel_futures=True)


def batched(items: Iterable[ItemT], size: int) -> Iterator[list[ItemT]]:
    """Lists of `size` items, the last shorter."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


def _taken(waiting: "deque[tuple[ItemT, Future[DoneT]]]") -> tuple[ItemT, DoneT]:
    item, future = waiting.popleft()
    return item, future.result()
