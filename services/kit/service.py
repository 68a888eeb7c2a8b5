"""A service as a value: what it handles, what it does by itself, when it is ready.

Wiring functions build it; the runner runs it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from sqlalchemy import MetaData

from services.kit.clock import Clock
from services.kit.database import Database
from services.kit.objects import Objects
from services.kit.stop import Stop
from services.kit.telemetry import Metrics
from services.kit.tracing.tracer import Tracing
from services.kit.transport import Handler, Outgoing, Received


@dataclass(frozen=True)
class Resources:
    """What a wiring function is given to build its service with."""

    clock: Clock
    metrics: Metrics
    objects: Objects
    # The service's own database, by name, with its tables made.
    database: Callable[[str, MetaData], Database]
    tracing: Tracing = field(default_factory=Tracing)


@dataclass(frozen=True)
class Subscription:
    """A topic and what is done with its messages, up to `batch` of them at a time."""

    topic: str
    handle: Handler
    batch: int = 1
    # What to tell the others when a message cannot be handled at all: nothing may disappear in silence.
    on_poison: Callable[[Received, str], Iterable[Outgoing]] | None = None


@dataclass(frozen=True)
class Timer:
    """Work that time itself brings: called every `every_s` seconds, its outputs sent like a handler's.

    `sent` is called with the outputs once they are durable at the broker: what a service must tell the others stays in
    its state until then, so a crash in between tells it again. Who sets `wake` has it called at once.
    """

    name: str
    every_s: float
    run: Callable[[], Iterable[Outgoing]]
    sent: Callable[[Sequence[Outgoing]], None] = lambda _: None
    wake: Event = field(default_factory=Event)


class Task(Protocol):
    """Work in a thread of its own, such as a server. Returns soon after `stop` is set; an exception ends Frottis."""

    def __call__(self, stop: Stop) -> None: ...


@dataclass(frozen=True)
class Service:
    """Everything that the runner needs to know of one service."""

    name: str
    subscriptions: Sequence[Subscription] = ()
    timers: Sequence[Timer] = ()
    tasks: Mapping[str, Task] = field(default_factory=dict)
    # Each returns None when ready, or what it waits for.
    readiness: Mapping[str, Callable[[], str | None]] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None
