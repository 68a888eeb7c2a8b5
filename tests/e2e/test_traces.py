"""One trace for a slide, through every service, from its scan on the share to the acknowledgement."""

from datetime import UTC, datetime

import pytest

from services.kit.contracts import Stage
from services.kit.stages import reached
from services.kit.tracing.identity import ids, root_of
from services.review.states import State
from services.simulator.lis import Behaviour, Manner, Patient
from tests.collector import Collector, assert_whole
from tests.e2e.hospital import put

CLIENT = 3
NEVER = ("FICTQ77130942", "Qxbrandtz", "Vwlindgrz", "19800101", "T0001")
PATIENT = Patient(*NEVER[:4], "F")


@pytest.fixture
def collector(monkeypatch):
    with Collector() as collector:
        monkeypatch.setenv("FROTTIS_TRACING_ENDPOINT", collector.endpoint)
        yield collector


def moment(ns):
    return datetime.fromtimestamp(ns // 1000 / 1e6, UTC)


def test_a_slide_is_one_trace_through_every_service(hospital, scan, collector):
    name = put(scan("traced", "T0001"), hospital.share)
    hospital.lis.behave(Behaviour(Manner.SILENT))
    with hospital.running():
        hospital.order("T0001", patient=PATIENT)
        entry = hospital.wait_for(name, State.ACKNOWLEDGED, State.HELD)
        report = hospital.worklist.report("T0001")
        told = hospital.worklist.delivery(report.report_id)
        hospital.wait(lambda: not hospital.process.transport.waiting(), "the last message to be handled")
    [(trace_id, spans)] = collector.by_trace().items()
    assert trace_id == ids(root_of(entry.slide_id))[0]
    assert_whole(spans, entry.slide_id)
    assert_sent_twice(spans)
    [root] = [span for span in spans if not span.parent_id]
    complete, acknowledged = (reached(told.slide, s) for s in (Stage.STAGE_SCAN_COMPLETE, Stage.STAGE_ACKNOWLEDGED))
    assert (moment(root.start), moment(root.end)) == (complete, acknowledged)
    assert list(root.events) == [
        "scan_complete",
        "admitted",
        "fields_cut",
        "cells_read",
        "decided",
        "sent",
        "acknowledged",
    ]
    assert hospital.metric("frottis_spans_total", outcome="sent") == len(spans)
    assert not any(piece.encode() in raw for raw in collector.raw for piece in NEVER)


def assert_sent_twice(spans):
    """The LIS was silent first, and answered then."""
    exchanges = sorted((span for span in spans if span.kind == CLIENT), key=lambda span: span.start)
    assert [(span.failed, span.attributes.get("error.type")) for span in exchanges] == [(True, "silent"), (False, None)]
    assert exchanges[-1].attributes["frottis.acknowledgement"] == "AA"


def test_a_slide_that_waited_for_its_order_over_a_new_start_is_still_one_trace(hospital, scan, collector):
    name = put(scan("waited", "T0002"), hospital.share)
    with hospital.running():
        hospital.wait_for(name, State.WAITING)
        hospital.wait(lambda: "order" in hospital.entry(name).standing.text, "the slide to want its order")
    first = len(collector.spans)
    with hospital.running():
        hospital.order("T0002", patient=PATIENT)
        entry = hospital.wait_for(name, State.ACKNOWLEDGED, State.HELD)
        hospital.wait(lambda: not hospital.process.transport.waiting(), "the last message to be handled")
    [(trace_id, spans)] = collector.by_trace().items()
    assert trace_id == ids(root_of(entry.slide_id))[0]
    assert 0 < first < len(spans)
    [root] = [span for span in spans if not span.parent_id]
    assert {span.parent_id for span in spans} <= {span.span_id for span in spans} | {""}
    [decided] = [span for span in spans if span.name == "process orders"]
    assert (decided.service, decided.parent_id) == ("reasoning", root.span_id)
    assert root.attributes["frottis.outcome"] == entry.standing.state
