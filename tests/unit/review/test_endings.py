"""The root of a slide's trace: one, at the slide's end, whatever comes in whichever order and however often."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.kit.clock import ManualClock, to_timestamp
from services.kit.contracts import (
    Decision,
    Delivery,
    DeliveryState,
    Milestone,
    Priority,
    Reason,
    Report,
    Scan,
    ScanState,
    Slide,
    Stage,
)
from services.kit.database import Database
from services.kit.objects import Objects
from services.kit.service import Resources
from services.kit.telemetry import Metrics
from services.kit.tracing.export import SdkSink
from services.kit.tracing.identity import root_of
from services.kit.tracing.tracer import Tracing
from services.kit.transport import Received
from services.review.wiring import build

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
STAGES = (Stage.STAGE_SCAN_COMPLETE, Stage.STAGE_ADMITTED, Stage.STAGE_DECIDED, Stage.STAGE_ACKNOWLEDGED)


class Review:
    """The service on its state folder, told one message at a time; `roots` are the slides whose end it told."""

    def __init__(self, path, clock):
        self._exporter = InMemorySpanExporter()
        tracing = Tracing(SdkSink(SimpleSpanProcessor(self._exporter)))
        resources = Resources(
            clock, Metrics(), Objects.in_memory(), lambda _, tables: Database.in_file(path, tables), tracing
        )
        self.service = build(resources)
        self._handlers = {subscription.topic: subscription.handle for subscription in self.service.subscriptions}

    @property
    def roots(self):
        return self._exporter.get_finished_spans()

    def hear(self, *messages):
        topics = {Scan: "scans", Report: "reports", Delivery: "deliveries"}
        for message in messages:
            topic = topics[type(message)]
            assert list(self._handlers[topic]([Received(topic, "k", message, 1)])) == []


@pytest.fixture
def clock():
    return ManualClock(NOON + timedelta(hours=1))


@pytest.fixture
def opened(tmp_path, clock):
    made = []

    def start(name="review.db"):
        made.append(Review(tmp_path / name, clock))
        return made[-1]

    yield start
    for review in made:
        review.service.close()


@pytest.fixture
def review(opened):
    return opened()


def slide(stages=1):
    made = Slide(slide_id="S1", specimen="A1", priority=Priority.PRIORITY_STAT)
    for minutes, stage in enumerate(STAGES[:stages]):
        made.milestones.append(Milestone(stage=stage, at=to_timestamp(NOON + timedelta(minutes=minutes))))
    return made


def scan(state=ScanState.SCAN_STATE_ADMITTED, revision=1, name="a.vsi", **fields):
    seen = to_timestamp(NOON - timedelta(minutes=1))
    return Scan(name=name, state=state, revision=revision, first_seen_at=seen, slide=slide(2), **fields)


def report(decision=Decision.DECISION_RELEASED, report_id="R1", order_id="O1"):
    reasons = [Reason(code="plain", text="Qxbrandtz")]
    return Report(report_id=report_id, slide=slide(3), order_id=order_id, decision=decision, reasons=reasons)


def delivery(state=DeliveryState.DELIVERY_STATE_ACKNOWLEDGED, report_id="R1"):
    return Delivery(report_id=report_id, slide=slide(4), control_id="C1", state=state)


def ns(minutes):
    return int((NOON + timedelta(minutes=minutes)).timestamp()) * 10**9


def test_the_root_goes_from_the_complete_scan_to_the_acknowledgement(review):
    review.hear(scan(), report(), delivery(DeliveryState.DELIVERY_STATE_SENDING))
    assert review.roots == ()
    review.hear(delivery())
    [root] = review.roots
    assert (root.name, root.parent, root.resource.attributes["service.name"]) == ("slide", None, "review")
    assert (root.context.trace_id, root.context.span_id) == (root_of("S1").trace_id, root_of("S1").span_id)
    assert (root.start_time, root.end_time) == (ns(0), ns(3))
    assert dict(root.attributes) == {
        "frottis.slide_id": "S1",
        "frottis.outcome": "acknowledged",
        "frottis.reason": "plain",
        "frottis.priority": "stat",
    }
    stages = ["scan_complete", "admitted", "decided", "acknowledged"]
    assert [(event.name, event.timestamp) for event in root.events] == [(name, ns(n)) for n, name in enumerate(stages)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_there_is_one_root_in_whichever_order_and_however_often_all_is_heard(review, order):
    heard = [scan(), report(), delivery()]
    for number in order:
        review.hear(heard[number], heard[number])
    review.hear(*heard)
    assert len(review.roots) == 1


def test_there_is_one_root_over_a_new_start(opened):
    first = opened()
    first.hear(scan(), report(), delivery())
    again = opened()
    again.hear(delivery(), scan(revision=2))
    assert (len(first.roots), len(again.roots)) == (1, 0)


def test_a_further_word_or_copy_after_the_end_makes_no_second_root(review):
    review.hear(scan(), report(), delivery())
    review.hear(scan(revision=2, reason=Reason(code="removed", text="taken")), scan(name="copy.vsi"))
    review.hear(report(Decision.DECISION_HELD, "R2", "O2"), delivery(report_id="R2"))
    assert len(review.roots) == 1


def test_a_held_slide_ends_once_the_lis_was_told(review):
    review.hear(scan(), report(Decision.DECISION_HELD))
    assert review.roots == ()
    review.hear(delivery())
    [root] = review.roots
    assert (root.attributes["frottis.outcome"], root.end_time) == ("held", ns(3))


def test_a_slide_that_is_held_without_an_order_ends_with_its_decision(review):
    review.hear(scan(), report(Decision.DECISION_HELD, order_id=""))
    [root] = review.roots
    assert (root.attributes["frottis.outcome"], root.end_time) == ("held", ns(2))


def test_a_scan_that_is_refused_before_anything_was_decided_ends_when_it_is_heard_of(review, clock):
    review.hear(scan(ScanState.SCAN_STATE_REFUSED, reason=Reason(code="damaged", text="broken")))
    [root] = review.roots
    assert (root.attributes["frottis.outcome"], root.attributes["frottis.reason"]) == ("refused", "damaged")
    assert (root.start_time, root.end_time) == (ns(0), int(clock.now().timestamp()) * 10**9)


def test_what_the_lis_rejects_is_held(review):
    review.hear(scan(), report(), delivery(DeliveryState.DELIVERY_STATE_REJECTED))
    [root] = review.roots
    assert root.attributes["frottis.outcome"] == "held"


def test_a_slide_that_waits_for_its_order_has_no_root_yet(review):
    review.hear(scan(), report(Decision.DECISION_AWAITING_ORDER, order_id=""))
    assert review.roots == ()
    review.hear(report(report_id="R2"), delivery(report_id="R2"))
    assert [root.attributes["frottis.outcome"] for root in review.roots] == ["acknowledged"]


def test_a_scan_that_is_not_complete_yet_has_no_root(review):
    waiting = Scan(name="a.vsi", state=ScanState.SCAN_STATE_WAITING, revision=1, first_seen_at=to_timestamp(NOON))
    review.hear(waiting)
    assert review.roots == ()
