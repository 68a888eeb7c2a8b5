"""The outbox with its metrics: what is sent, what was answered, how long it took."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import structlog

from services.kit.clock import Clock
from services.kit.contracts import Priority, Reason, Slide, Stage
from services.kit.stages import reach, reached
from services.kit.telemetry import Metrics
from services.kit.transport import Outgoing
from services.lis.hl7.answer import Answer
from services.lis.outbox.entry import ACKNOWLEDGED, REJECTED, SENDING, Entry, Waiting
from services.lis.outbox.store import OutboxStore
from services.lis.outbox.verdict import judge

log = structlog.get_logger()


class Ledger:
    """What the sender works on."""

    def __init__(self, store: OutboxStore, clock: Clock, metrics: Metrics, patience: timedelta) -> None:
        """`patience`: how long, from its first AR, a message is sent again at least before it is given up."""
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._patience = patience

    def waiting(self) -> list[Waiting]:
        return self._store.waiting()

    def attempt(self, entry_id: int) -> Entry:
        return self._store.attempt(entry_id, self._clock.now())

    def explain(self, entry_id: int, reason: Reason) -> None:
        self._store.explain(entry_id, reason, self._clock.now())

    def count_failure(self, code: str) -> None:
        """An exchange ended in `code` instead of an answer."""
        self._metrics.acknowledgements.labels(code).inc()

    def settle(self, answer: Answer) -> Entry | None:
        """The entry after the answer; None when no message of ours has its control id."""
        self._metrics.acknowledgements.labels(answer.code).inc()
        found = self._store.settle(answer.control_id, lambda entry: self._judged(entry, answer), self._clock.now())
        if found is None:
            return None
        before, after = found
        if after.state != before.state:
            self._count_end(after)
        return after

    def measure(self) -> Iterable[Outgoing]:
        """A timer's work: the gauges, and deadlines that passed. Sends nothing."""
        self._metrics.outbox.set(self._store.count())
        for priority in self._store.newly_missed(self._clock.now()):
            self._count_missed(priority)
        return ()

    def _judged(self, entry: Entry, answer: Answer) -> Entry:
        now = self._clock.now()
        after = judge(entry, answer, now, self._patience)
        if entry.state != SENDING or after.state == SENDING:
            return after
        if now > after.deadline and not after.missed:
            self._count_missed(after.slide.priority)
            after = replace(after, missed=True)
        if after.state != ACKNOWLEDGED:
            return after
        slide = Slide()
        slide.CopyFrom(after.slide)
        reach(slide, Stage.STAGE_ACKNOWLEDGED, now, self._metrics)
        return replace(after, slide=slide)

    def _count_end(self, entry: Entry) -> None:
        if entry.state == REJECTED:
            log.error("the LIS rejected a report", report=entry.report_id, code=entry.code)
        if entry.state == ACKNOWLEDGED:
            complete = reached(entry.slide, Stage.STAGE_SCAN_COMPLETE)
            acknowledged = reached(entry.slide, Stage.STAGE_ACKNOWLEDGED)
            if complete and acknowledged:
                elapsed = max((acknowledged - complete).total_seconds(), 0.0)
                self._metrics.scan_to_acknowledged.labels(_name(entry.slide.priority)).observe(elapsed)

    def _count_missed(self, priority: Priority.ValueType) -> None:
        self._metrics.deadlines_missed.labels(_name(priority)).inc()


def _name(priority: Priority.ValueType) -> str:
    return Priority.Name(priority).removeprefix("PRIORITY_").lower()
