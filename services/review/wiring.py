"""Build the review service."""

from collections.abc import Iterable, Iterator
from typing import Any

from services.kit.service import Resources, Service, Subscription, Timer
from services.kit.transport import Outgoing, each
from services.review.endings import Endings
from services.review.states import State
from services.review.worklist import METADATA, Worklist

GAUGES_EVERY_S = 10.0


def build(resources: Resources) -> Service:
    """The worklist's projection and the gauges that are read from it."""
    database = resources.database("review", METADATA)
    worklist = Worklist(database)
    endings = Endings(worklist, resources.tracing.of("review"), resources.clock)

    def record(what: Any) -> Any:
        def handle(value: Any) -> Iterator[Outgoing]:
            what(value)
            endings.look(value.slide.slide_id)
            yield from ()

        return each(handle)

    def gauges() -> Iterable[Outgoing]:
        for ended in worklist.newly_ended():
            resources.metrics.ended.labels(ended.standing.state, ended.standing.code or "none").inc()
        overview = worklist.overview()
        for state in State:
            resources.metrics.slides.labels(state).set(overview.states.get(state, 0))
        since, now = overview.waiting_since, resources.clock.now()
        # A clock that was set back makes no age below nothing.
        resources.metrics.oldest_waiting.set(max((now - since).total_seconds(), 0.0) if since else 0.0)
        return ()

    return Service(
        name="review",
        subscriptions=(
            Subscription("scans", record(worklist.record_scan)),
            Subscription("reports", record(worklist.record_report)),
            Subscription("deliveries", record(worklist.record_delivery)),
        ),
        timers=(Timer("gauges", GAUGES_EVERY_S, gauges),),
        close=database.close,
    )
