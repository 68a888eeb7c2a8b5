"""One trace for each slide: which spans there are, and whose children they are."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from services.kit.clock import ManualClock
from services.kit.contracts import Order, Report, Slide, Tile, TileCells
from services.kit.dead_letter_rate import DeadLetterRate
from services.kit.errors import PoisonError, TransientError
from services.kit.local_log import LocalLog
from services.kit.loop import ConsumerLoop, TimerLoop
from services.kit.service import Service, Subscription, Timer
from services.kit.telemetry import Metrics
from services.kit.tracing.current import span
from services.kit.tracing.export import SdkSink
from services.kit.tracing.identity import ids, parent_of, root_of, traceparent, unrecorded
from services.kit.tracing.tracer import Tracing
from services.kit.transport import Outgoing, each

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Traced:
    """Services over the local log, whose spans are read as they end."""

    def __init__(self, log, slides=1.0):
        self._exporter = InMemorySpanExporter()
        self.tracing = Tracing(SdkSink(SimpleSpanProcessor(self._exporter), slides))
        self.clock = ManualClock(NOON)
        self.log = log
        self._consumers = {}

    @property
    def spans(self):
        return self._exporter.get_finished_spans()

    def of(self, service):
        return [span for span in self.spans if span.resource.attributes["service.name"] == service]

    def handle(self, service, topic, handler, **more):
        """Take one batch through."""
        consumer = self._consumers.setdefault((service, topic), self.log.consumer(service, [topic]))
        loop = ConsumerLoop(
            Service(service),
            Subscription(topic, handler, **more),
            consumer,
            self.log,
            clock=self.clock,
            metrics=Metrics(),
            rate=DeadLetterRate(self.clock),
            tracer=self.tracing.of(service),
        )
        return loop.run_once()

    def tick(self, service, name, *outputs):
        TimerLoop(Timer(name, 1.0, lambda: outputs), self.log, self.clock, self.tracing.of(service)).run_once()


@pytest.fixture
def log(tmp_path):
    opened = LocalLog(tmp_path / "messages.db")
    yield opened
    opened.close()


@pytest.fixture
def traced(log):
    return Traced(log)


def tile(name, slide_id="S1"):
    return Outgoing("tiles", f"{slide_id}+{name}", Tile(slide=Slide(slide_id=slide_id), tile_id=name))


def cells(tile):
    yield Outgoing("cells", tile.slide.slide_id, TileCells(slide=tile.slide, tile_id=tile.tile_id))


def cells_of_all(batch):
    for message in reversed(batch):
        yield from cells(message.value)


def report(slide_id):
    return Outgoing("reports", slide_id, Report(slide=Slide(slide_id=slide_id)))


def parent(span):
    return span.parent.span_id


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_slides_trace_is_told_by_its_id_alone(one, other):
    assert root_of(one) == root_of(one)
    assert root_of(one).is_valid
    assert (root_of(one).trace_id == root_of(other).trace_id) == (one == other)


def test_ids_are_the_same_in_every_process_and_version():
    assert ids(root_of("S0123456789abcdef0123")) == ("748820c491c66b2b223e3ef7ecfa4332", "b94105f165c0d86a")


def test_a_header_names_its_sender():
    sender = unrecorded(root_of("S1"))
    header = traceparent(sender)
    assert header == "00-{}-{}-00".format(*ids(sender))
    assert parent_of("S1", {"traceparent": header}).span_id == sender.span_id


@pytest.mark.parametrize("header", ["", "00", "00-zz-zz-01", "ff-" + "1" * 32 + "-" + "1" * 16 + "-01", "a\nb"])
def test_a_header_that_names_nobody_leaves_the_root_as_the_parent(header):
    assert parent_of("S1", {"traceparent": header}) == root_of("S1")


def test_a_header_of_another_trace_leaves_the_root_as_the_parent():
    header = traceparent(unrecorded(root_of("S2")))
    assert parent_of("S1", {"traceparent": header}) == root_of("S1")


def test_each_span_is_the_child_of_the_one_that_sent_its_message(traced):
    traced.tick("ingestion", "share", tile("a"))
    traced.handle("analysis", "tiles", cells_of_all)
    traced.handle("reasoning", "cells", each(lambda _: [report("S1")]))
    traced.handle("lis", "reports", each(lambda _: []))
    assert [span.name for span in traced.spans] == ["share", "process tiles", "process cells", "process reports"]
    assert {span.context.trace_id for span in traced.spans} == {root_of("S1").trace_id}
    before = root_of("S1").span_id
    for one in traced.spans:
        assert parent(one) == before
        before = one.context.span_id
    services = [one.resource.attributes["service.name"] for one in traced.spans]
    assert services == ["ingestion", "analysis", "reasoning", "lis"]


def test_a_consumers_span_tells_where_its_message_was(traced):
    traced.log.send([tile("a")])
    traced.handle("analysis", "tiles", cells_of_all)
    [one] = traced.spans
    assert one.kind is SpanKind.CONSUMER
    assert dict(one.attributes) == {
        "messaging.system": "frottis_log",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "tiles",
        "messaging.message.id": "1",
        "frottis.slide_id": "S1",
        "frottis.tile_id": "a",
    }


def test_in_a_batch_of_several_slides_each_answer_is_a_child_of_its_own_message(traced):
    traced.log.send([tile("a", "S1"), tile("b", "S1"), tile("c", "S2")])
    traced.handle("analysis", "tiles", cells_of_all, batch=3)
    traced.handle("reasoning", "cells", each(lambda _: []), batch=3)
    sent = {one.context.span_id: one.attributes["frottis.tile_id"] for one in traced.of("analysis")}
    received = {one.attributes["frottis.tile_id"]: sent[parent(one)] for one in traced.of("reasoning")}
    assert received == {"a": "a", "b": "b", "c": "c"}
    traces = {one.attributes["frottis.slide_id"]: one.context.trace_id for one in traced.spans}
    assert traces == {"S1": root_of("S1").trace_id, "S2": root_of("S2").trace_id}


def test_an_order_stands_in_the_trace_of_each_slide_that_something_follows_for(traced):
    def handle(_):
        with span("decide", "S1"):
            yield report("S1")
        yield report("S2")

    traced.log.send([Outgoing("orders", "o", Order(order_id="o"))])
    traced.handle("reasoning", "orders", each(handle))
    traced.handle("ingestion", "orders", each(lambda _: []))
    traced.handle("lis", "reports", each(lambda _: []), batch=2)
    handled = {one.context.trace_id: one for one in traced.of("reasoning") if one.name == "process orders"}
    assert set(handled) == {root_of("S1").trace_id, root_of("S2").trace_id}
    assert {parent(one) for one in handled.values()} == {root_of("S1").span_id, root_of("S2").span_id}
    [decide] = [one for one in traced.spans if one.name == "decide"]
    assert parent(decide) == handled[root_of("S1").trace_id].context.span_id
    assert all(parent(one) == handled[one.context.trace_id].context.span_id for one in traced.of("lis"))
    assert traced.of("ingestion") == []


def test_what_waited_over_a_new_start_goes_on_in_the_same_trace(traced, log):
    traced.log.send([tile("a")])
    traced.handle("analysis", "tiles", cells_of_all)
    again = Traced(log)
    again.handle("reasoning", "cells", each(lambda _: []))
    again.tick("reasoning", "deadline guard", report("S1"))
    [analysed] = traced.spans
    [counted, guarded] = again.spans
    assert parent(counted) == analysed.context.span_id
    assert parent(guarded) == root_of("S1").span_id


def test_parts_of_the_work_are_children_of_its_span_with_their_facts(traced):
    def handle(_batch):
        with span("infer", model="detector") as note:
            note(items=3)
        return []

    traced.log.send([tile("a", "S1"), tile("b", "S1"), tile("c", "S2")])
    traced.handle("analysis", "tiles", handle, batch=3)
    inferred = [one for one in traced.spans if one.name == "infer"]
    assert len(inferred) == 2
    assert [dict(one.attributes) for one in inferred] == [{"frottis.model": "detector", "frottis.items": 3}] * 2
    handled = {one.context.span_id for one in traced.spans if one.name == "process tiles"}
    assert {parent(one) for one in inferred} <= handled


def test_a_message_handled_again_has_a_span_of_its_own_and_errors_tell_their_class_alone(traced):
    def handle(tile):
        if not traced.spans:
            with span("load"):
                raise TransientError("Qxbrandtz is away")
        yield from cells(tile)

    traced.log.send([tile("a")])
    traced.handle("analysis", "tiles", each(handle))
    traced.clock.advance(60)
    traced._consumers.clear()
    traced.handle("analysis", "tiles", each(handle))
    part, first, second = traced.spans
    for failed in (part, first):
        assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, None)
        assert failed.attributes["error.type"] == "TransientError"
        assert failed.events == ()
    assert second.status.status_code is StatusCode.UNSET
    assert parent(first) == parent(second) == root_of("S1").span_id
    assert not any("Qxbrandtz" in one.to_json() for one in traced.spans)


def test_a_poisoned_message_is_told_and_others_hear_of_it_from_its_handling(traced):
    def poison(_):
        raise PoisonError("no JPEG")

    traced.log.send([tile("a"), tile("b")])
    traced.handle("analysis", "tiles", poison, batch=2, on_poison=lambda message, _: cells(message.value))
    traced.handle("reasoning", "cells", each(lambda _: []), batch=2)
    assert len(traced.of("analysis")) == 4
    assert {one.attributes["error.type"] for one in traced.of("analysis")} == {"PoisonError"}
    assert {parent(one) for one in traced.of("reasoning")} <= {one.context.span_id for one in traced.of("analysis")}


def test_a_defect_ends_its_span(traced):
    traced.log.send([tile("a")])
    with pytest.raises(ZeroDivisionError):
        traced.handle("analysis", "tiles", each(lambda _: 1 / 0))
    [one] = traced.spans
    assert one.attributes["error.type"] == "ZeroDivisionError"


def test_an_exchange_about_a_slide_is_a_clients_span_below_the_root(traced):
    with traced.tracing.of("lis").asking("send to LIS", "S1") as work:
        work.note(acknowledgement="AA")
    [one] = traced.spans
    assert (one.kind, parent(one)) == (SpanKind.CLIENT, root_of("S1").span_id)
    assert dict(one.attributes) == {"frottis.slide_id": "S1", "frottis.acknowledgement": "AA"}


def test_the_root_has_the_ids_that_its_children_knew_before(traced):
    traced.tick("ingestion", "share", tile("a"))
    end = NOON + timedelta(minutes=5, microseconds=7)
    moments = {"scan_complete": NOON, "acknowledged": end}
    traced.tracing.of("review").slide("S1", NOON, end, moments=moments, outcome="acknowledged")
    child, root = traced.spans
    assert root.parent is None
    assert (root.context.trace_id, root.context.span_id) == (child.context.trace_id, parent(child))
    assert (root.start_time, root.end_time - root.start_time) == (1767614400 * 10**9, 300_000_007_000)
    assert dict(root.attributes) == {"frottis.slide_id": "S1", "frottis.outcome": "acknowledged"}
    assert [event.name for event in root.events] == ["scan_complete", "acknowledged"]


def test_slides_are_traced_whole_or_not_at_all(log):
    traced = Traced(log, slides=0.5)
    slides = [f"S{n}" for n in range(40)]
    for slide_id in slides:
        traced.tick("ingestion", "share", tile("a", slide_id))
    while traced.handle("analysis", "tiles", cells_of_all, batch=7):
        pass
    while traced.handle("reasoning", "cells", each(lambda _: []), batch=7):
        pass
    for slide_id in slides:
        traced.tracing.of("review").slide(slide_id, NOON, NOON)
    spans = {}
    for one in traced.spans:
        spans.setdefault(one.context.trace_id, []).append(one.name)
    whole = ["share", "process tiles", "process cells", "slide"]
    assert {tuple(names) for names in spans.values()} == {tuple(whole)}
    assert 8 <= len(spans) <= 32


def test_without_a_sink_messages_carry_no_header_and_nothing_of_the_sdk_is_loaded(tmp_path):
    code = """
import json, sys, threading
from pathlib import Path
from services.kit.local_log import LocalLog
from services.kit.telemetry import Metrics
from services.kit.tracing.opening import open_tracing
from services.kit.tracing.settings import TracingSettings
from services.kit.contracts import Slide, Tile
from services.kit.transport import Outgoing
import services.kit.process
tracing = open_tracing(TracingSettings.load(), Metrics())
output = Outgoing("tiles", "k", Tile(slide=Slide(slide_id="S1")))
with tracing.of("ingestion").running("share") as work:
    same = work.addressed(output) is output
tracing.of("review").slide("S1", None, None)
tracing.close()
loaded = [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "requests"))]
print(json.dumps([same, loaded, [thread.name for thread in threading.enumerate()]]))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert json.loads(ran.stdout) == [True, [], ["MainThread"]], ran.stderr
