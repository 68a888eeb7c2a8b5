"""What a process does by itself for its transport and its objects: gauges, looks, and forgetting old dead letters."""

from collections.abc import Collection, Iterable
from datetime import timedelta

import structlog

from services.kit.clock import Clock
from services.kit.local_log import LocalLog
from services.kit.objects import Objects
from services.kit.service import Timer
from services.kit.telemetry import Metrics
from services.kit.topics import topics
from services.kit.transport import Outgoing, Transport

# As often as a Prometheus looks; each is some questions to the broker.
GAUGES_EVERY_S = 15.0
FORGET_EVERY_S = 3600.0
LOOK_EVERY_S = 10.0

log = structlog.get_logger()


def gauges(transport: Transport, services: Collection[str], metrics: Metrics) -> Timer:
    """What waits for `services` and what they rejected, by topic; 0 where there is none."""
    own = [(group, topic.name) for topic in topics().values() for group in topic.consumers if group in services]

    def measure() -> Iterable[Outgoing]:
        waiting, dead = transport.waiting(services), transport.dead_letters().counts()
        for group, topic in own:
            metrics.queue.labels(group, topic).set(waiting.get((group, topic), 0))
            metrics.dead_letters.labels(group, topic).set(dead.get((group, topic), 0))
        return ()

    return Timer("gauges", GAUGES_EVERY_S, measure)


def looking(objects: Objects) -> Timer:
    """The object store is tried also while nothing asks for it, so that readiness is true."""

    def look() -> Iterable[Outgoing]:
        objects.look()
        return ()

    return Timer("objects", LOOK_EVERY_S, look)


def forgetting(transport: LocalLog, keep_days: float, clock: Clock) -> Timer:
    """Dead letters older than `keep_days` are removed: by then nobody will replay them."""

    def forget() -> Iterable[Outgoing]:
        dropped = transport.dead_letters().drop(clock.now() - timedelta(days=keep_days))
        if dropped:
            log.warning("old dead letters removed", count=dropped, older_than_days=keep_days)
        return ()

    return Timer("forgetting", FORGET_EVERY_S, forget)


def take_over(transport: LocalLog) -> None:
    """Before the services start: what an earlier version left for groups that are gone is removed, and told."""
    for (group, topic), count in transport.drop_departed().items():
        log.warning("messages removed: their service no longer takes them", service=group, topic=topic, count=count)
