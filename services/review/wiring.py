"""Build the review service."""

from collections import Counter
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
        entries = worklist.entries()
        for ended in worklist.newly_ended():
            resources.metrics.ended.labels(ended.standing.state, ended.standing.code or "none").inc()
        states = Counter(entry.standing.state for entry in entries)
        for state in State:
            resources.metrics.slides.labels(state).set(states[state])
        now = resources.clock.now()
        waiting = [entry.completed or entry.first_seen for entry in entries if not entry.standing.state.ended]
        # A clock that was set back makes no age below nothing.
        ages = ((now - since).total_seconds() for since in waiting)
        resources.metrics.oldest_waiting.set(max([0.0, *ages]))
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
