from types import SimpleNamespace

import pytest

from services.embedded.idle import awaited
from services.kit.clock import to_timestamp
from services.kit.contracts import Decision, Reason, Report, Scan, ScanState, Slide
from services.kit.database import Database
from services.review.worklist import METADATA, Worklist
from tests.unit.ingestion.at_work import NOON

QUIET = SimpleNamespace(waiting=dict)
BUSY = SimpleNamespace(waiting=lambda: {("reasoning", "cells"): 1})
SLIDE = Slide(slide_id="S1", specimen="A1")


@pytest.fixture
def worklist(tmp_path):
    database = Database.in_file(tmp_path / "review.db", METADATA)
    yield Worklist(database)
    database.close()


@pytest.fixture
def share(tmp_path):
    made = tmp_path / "share"
    made.mkdir()
    (made / "a.vsi").write_bytes(b"")
    return made


def scan(state, revision, text=""):
    reason = Reason(code="why", text=text)
    seen = to_timestamp(NOON)
    return Scan(name="a.vsi", state=state, revision=revision, first_seen_at=seen, slide=SLIDE, reason=reason)


def report(decision, order_id, text):
    reasons = [Reason(code="why", text=text)]
    return Report(report_id=f"R{order_id}", slide=SLIDE, order_id=order_id, decision=decision, reasons=reasons)


def test_what_is_waited_for_is_told_until_the_scan_has_ended(worklist, share):
    assert awaited(share, worklist, QUIET) == ["a.vsi: not looked at yet"]
    worklist.record_scan(scan(ScanState.SCAN_STATE_ADMITTED, 1))
    assert awaited(share, worklist, QUIET) == ["a.vsi: reading"]
    worklist.record_report(report(Decision.DECISION_AWAITING_ORDER, "", "no order yet"))
    assert awaited(share, worklist, QUIET) == ["a.vsi: waiting (no order yet)"]
    worklist.record_report(report(Decision.DECISION_HELD, "O1", "few cells"))
    assert awaited(share, worklist, QUIET) == ["a.vsi: held, and the LIS has not acknowledged it yet"]


def test_nothing_is_waited_for_once_every_scan_has_ended_and_no_message_is_under_way(worklist, share):
    worklist.record_scan(scan(ScanState.SCAN_STATE_REFUSED, 1, "a letter"))
    assert awaited(share, worklist, BUSY) == ["messages under way"]
    assert awaited(share, worklist, QUIET) == []


def test_a_share_that_is_away_is_waited_for(worklist, tmp_path):
    [line] = awaited(tmp_path / "away", worklist, QUIET)
    assert "mount it" in line
