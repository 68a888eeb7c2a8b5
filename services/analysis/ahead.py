"""Work done a little ahead in threads, so that decoding and inference overlap and memory stays bounded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import TypeVar

ItemT = TypeVar("ItemT")
DoneT = TypeVar("DoneT")


def mapped(
    pool: Executor, work: Callable[[ItemT], DoneT], items: Iterable[ItemT], ahead: int
) -> Iterator[tuple[ItemT, DoneT]]:
    """Each item with its result, in order; at most `ahead` results wait to be taken. Raises what `work` raises."""
    waiting: deque[tuple[ItemT, Future[DoneT]]] = deque()
    source = iter(items)
    try:
        for item in source:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) >= ahead:
                yield _taken(waiting)
        while waiting:
            yield _taken(waiting)
    finally:
        for _, future in waiting:
            future.cancel()


def batched(items: Iterable[ItemT], size: int) -> Iterator[list[ItemT]]:
    """Lists of `size` items, the last shorter."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


def _taken(waiting: "deque[tuple[ItemT, Future[DoneT]]]") -> tuple[ItemT, DoneT]:
    item, future = waiting.popleft()
    return item, future.result()
