"""Frottis at work, however it runs, as a demonstration sees it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from services.embedded.assembly import Address, Options, orders_address
from services.embedded.running import running
from services.kit.objects import Objects
from services.review.worklist import Worklist

LOCAL = Address("127.0.0.1", 0)


@dataclass(frozen=True)
class Engine:
    """Where it takes orders, what it knows of slides, and the cells that it keeps."""

    orders: Address
    worklist: Worklist
    objects: Objects
    # Let so many seconds pass. Raises what Frottis stopped of.
    wait: Callable[[float], None]
    # Messages under way, by (service, topic).
    waiting: Callable[[], Mapping[tuple[str, str], int]]


# Starts Frottis between a share and the LIS at an address; it is stopped on leaving.
Start: TypeAlias = Callable[[Path, Address], AbstractContextManager[Engine]]


@contextmanager
def embedded(state: Path, share: Path, lis: Address) -> Iterator[Engine]:
    """All services in this process, over one state folder."""
    with running(Options(share, state, lis, LOCAL, LOCAL)) as (process, worklist):

        def wait(seconds: float) -> None:
            if process.runner.stopping.wait(seconds):
                process.close()
                raise RuntimeError("Frottis stopped before the slide ended")

        yield Engine(orders_address(process), worklist, process.objects, wait, process.transport.waiting)
