from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kit.clock import to_timestamp
from services.kit.contracts import (
    Decision,
    Delivery,
    DeliveryState,
    Milestone,
    Reason,
    Report,
    Scan,
    ScanState,
    Slide,
    Stage,
)
from services.kit.database import Database
from services.review.states import State, standing
from services.review.worklist import METADATA, Overview, Worklist

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def worklist(tmp_path):
    database = Database.in_file(tmp_path / "review.db", METADATA)
    yield Worklist(database)
    database.close()


def slide(slide_id="S1", specimen="A1"):
    made = Slide(slide_id=slide_id, specimen=specimen, deadline=to_timestamp(NOON + timedelta(minutes=30)))
    made.milestones.append(Milestone(stage=Stage.STAGE_SCAN_COMPLETE, at=to_timestamp(NOON)))
    return made


def scan(state=ScanState.SCAN_STATE_ADMITTED, name="a.vsi", revision=1, **fields):
    return Scan(name=name, state=state, revision=revision, first_seen_at=to_timestamp(NOON), slide=slide(), **fields)


def report(decision=Decision.DECISION_RELEASED, report_id="R1", order_id="O1", minutes=1):
    decided = to_timestamp(NOON + timedelta(minutes=minutes))
    reasons = [Reason(code="plain", text="nothing to hold it")]
    return Report(
        report_id=report_id, slide=slide(), order_id=order_id, decision=decision, decided_at=decided, reasons=reasons
    )


def delivery(state, report_id="R1"):
    return Delivery(report_id=report_id, slide=slide(), control_id="C1", state=state, at=to_timestamp(NOON))


def test_a_slide_goes_from_reading_to_acknowledged(worklist):
    worklist.record_scan(scan())
    assert worklist.entries()[0].standing.state is State.READING
    worklist.record_report(report())
    assert not worklist.entries()[0].delivered
    worklist.record_delivery(delivery(DeliveryState.DELIVERY_STATE_ACKNOWLEDGED))
    [entry] = worklist.entries()
    assert (entry.standing.state, entry.delivered, entry.control_id) == (State.ACKNOWLEDGED, True, "C1")
    assert (entry.completed, entry.deadline) == (NOON, NOON + timedelta(minutes=30))


def test_a_copy_shares_the_fate_of_its_original(worklist):
    worklist.record_scan(scan())
    worklist.record_scan(scan(name="b.vsi", copy_of="a.vsi"))
    worklist.record_report(report())
    worklist.record_delivery(delivery(DeliveryState.DELIVERY_STATE_ACKNOWLEDGED))
    assert [entry.standing.state for entry in worklist.entries()] == [State.ACKNOWLEDGED] * 2


def test_a_held_slide_without_an_order_owes_the_lis_nothing(worklist):
    worklist.record_scan(scan(ScanState.SCAN_STATE_HELD))
    worklist.record_report(report(Decision.DECISION_HELD, order_id=""))
    [entry] = worklist.entries()
    assert (entry.standing.state, entry.delivered) == (State.HELD, True)


def test_values_that_the_lis_has_count_over_a_later_notice_which_is_still_to_be_answered(worklist):
    worklist.record_scan(scan())
    worklist.record_report(report())
    worklist.record_delivery(delivery(DeliveryState.DELIVERY_STATE_ACKNOWLEDGED))
    worklist.record_report(report(Decision.DECISION_HELD, report_id="R2", order_id="O2", minutes=2))
    [entry] = worklist.entries()
    assert (entry.standing.state, entry.delivered) == (State.ACKNOWLEDGED, False)
    assert worklist.report("A1").report_id == "R1"
    worklist.record_delivery(delivery(DeliveryState.DELIVERY_STATE_ACKNOWLEDGED, report_id="R2"))
    worklist.record_delivery(delivery(DeliveryState.DELIVERY_STATE_ACKNOWLEDGED))
    assert worklist.entries()[0].delivered


def test_a_word_on_a_scan_that_was_overtaken_is_passed_over(worklist):
    worklist.record_scan(scan(revision=2))
    worklist.record_scan(scan(ScanState.SCAN_STATE_WAITING, revision=1))
    assert worklist.entries()[0].standing.state is State.READING


def test_each_end_is_told_once_and_a_copy_is_no_end_of_its_own(worklist):
    worklist.record_scan(scan(ScanState.SCAN_STATE_HELD, revision=1))
    worklist.record_scan(scan(ScanState.SCAN_STATE_HELD, name="b.vsi", copy_of="a.vsi", revision=1))
    assert [entry.scan for entry in worklist.newly_ended()] == ["a.vsi"]
    assert worklist.newly_ended() == []


def test_the_overview_counts_every_scan_and_tells_since_when_the_oldest_waits(worklist):
    assert worklist.overview() == Overview({}, None)
    worklist.record_scan(scan())
    worklist.record_scan(scan(name="b.vsi", copy_of="a.vsi"))
    other = Slide(slide_id="S2", specimen="A2")
    earlier = to_timestamp(NOON - timedelta(minutes=9))
    waiting = Scan(name="c.vsi", state=ScanState.SCAN_STATE_WAITING, revision=1, first_seen_at=earlier, slide=other)
    worklist.record_scan(waiting)
    assert worklist.overview() == Overview({State.READING: 2, State.WAITING: 1}, NOON - timedelta(minutes=9))
    worklist.record_report(report())
    worklist.record_delivery(delivery(DeliveryState.DELIVERY_STATE_ACKNOWLEDGED))
    waiting.revision, waiting.state = 2, ScanState.SCAN_STATE_HELD
    worklist.record_scan(waiting)
    assert worklist.overview() == Overview({State.ACKNOWLEDGED: 2, State.HELD: 1}, None)


def test_an_end_that_is_told_is_not_looked_at_again_until_something_is_said_of_its_slide(worklist, monkeypatch):
    looked_at = []
    judged = standing
    monkeypatch.setattr("services.review.worklist.standing", lambda *said: looked_at.append(said) or judged(*said))
    worklist.record_scan(scan())
    worklist.record_report(report())
    worklist.record_delivery(delivery(DeliveryState.DELIVERY_STATE_ACKNOWLEDGED))
    assert [entry.scan for entry in worklist.newly_ended()] == ["a.vsi"]
    worklist.overview()
    before = len(looked_at)
    worklist.overview()
    assert worklist.newly_ended() == []
    assert len(looked_at) == before
    worklist.record_delivery(delivery(DeliveryState.DELIVERY_STATE_REJECTED))
    assert worklist.overview().states == {State.HELD: 1}
    assert len(looked_at) == before + 1


def test_the_report_is_found_by_slide_and_by_specimen(worklist):
    worklist.record_report(report())
    assert worklist.report("S1") == worklist.report("A1") == report()
    assert worklist.report("unknown") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.permutations(range(5)), st.lists(st.integers(0, 4), max_size=4))
def test_whatever_the_order_and_however_often_the_end_is_the_same(tmp_path_factory, order, repeats):
    words = [
        ("record_scan", scan()),
        ("record_report", report()),
        ("record_delivery", delivery(DeliveryState.DELIVERY_STATE_SENDING)),
        ("record_delivery", delivery(DeliveryState.DELIVERY_STATE_ACKNOWLEDGED)),
        ("record_scan", scan(name="b.vsi", copy_of="a.vsi")),
    ]
    database = Database.in_file(tmp_path_factory.mktemp("w") / "review.db", METADATA)
    worklist = Worklist(database)
    for index in [*order, *repeats]:
        method, word = words[index]
        getattr(worklist, method)(word)
    assert [entry.standing.state for entry in worklist.entries()] == [State.ACKNOWLEDGED] * 2
    database.close()
