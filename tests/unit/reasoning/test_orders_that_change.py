"""Orders are changed, cancelled, taken back and repeated; what is said follows the last word on each."""

import pytest

from services.kit.contracts import Decision, Priority, ScanState
from tests.unit.reasoning.smears import NOON, film, order, reports, scan, slide

UNFOCUSED = scan(state=ScanState.SCAN_STATE_HELD, code="unfocused", text="out of focus")
UNSTAINED = scan(state=ScanState.SCAN_STATE_HELD, code="unstained", text="no stain")


def decided(outputs):
    found = reports(outputs)
    assert len(found) == 1
    return found[0]


def words(*cancelled, order_id="o1", **what):
    """The same order time after time, cancelled or not."""
    return [order(order_id, cancelled=one, revision=n, **what) for n, one in enumerate(cancelled, 1)]


def test_an_older_word_on_an_order_does_not_win(bench):
    placed, cancelled = words(False, True)
    assert reports(bench.take(cancelled, placed)) == []
    assert decided(bench.take(*film())).decision == Decision.DECISION_AWAITING_ORDER


def test_an_older_word_does_not_change_what_is_wanted(bench):
    outputs = bench.take(order(wanted=400, revision=8), order(wanted=100, revision=7), *film())
    assert (outputs[0].topic, outputs[0].value.cells) == ("requests", 200)


def test_a_stat_order_hurries_the_slide_whichever_order_came_first(bench):
    announced, *tiles = film()
    bench.take(announced, *tiles[:-1], order("o1"), order("o2", stat=True, minute=4))
    bench.clock.advance(11 * 60 + 1)
    assert decided(bench.guard()[:1]).slide.priority == Priority.PRIORITY_STAT
    assert bench.clock.now() < NOON.replace(minute=15)


def test_a_cancelled_stat_order_hurries_nothing(bench):
    announced, *tiles = film()
    stat = words(False, True, order_id="o2", stat=True)
    bench.take(announced, *tiles[:-1], order("o1"), *stat)
    bench.clock.advance(11 * 60 + 1)
    assert bench.guard() == []


@pytest.mark.parametrize(("wanted", "asked"), [((0, 400), 200), ((400, 0), 200), ((100, 300), 100)])
def test_the_most_that_any_order_wants_is_read(bench, wanted, asked):
    outputs = bench.take(order("o1", wanted=wanted[0]), order("o2", wanted=wanted[1], minute=4), *film())
    assert (outputs[0].topic, outputs[0].value.cells) == ("requests", asked)


def test_two_orders_that_want_few_have_few_read(bench):
    found = reports(bench.take(order("o1", wanted=100), order("o2", wanted=150, minute=4), *film()))
    assert found[0].targets[0].wanted == 150


def test_a_reported_order_that_is_reinstated_gets_its_report_again_under_a_new_id(bench):
    placed, cancelled, again = words(False, True, False)
    first = decided(bench.take(placed, *film()))
    assert reports(bench.take(cancelled)) == []
    second = decided(bench.take(again))
    assert second.report_id != first.report_id
    assert (second.decision, second.order_id, second.measures) == (first.decision, first.order_id, first.measures)
    bench.open()
    assert reports(bench.take(again)) == [second]
    assert reports(bench.take(cancelled)) == []


def test_each_reinstatement_is_told_once(bench):
    placed, *changes = words(False, True, False, True, False, False)
    ids = [decided(bench.take(placed, *film())).report_id]
    ids += [report.report_id for change in changes for report in reports(bench.take(change))]
    assert len(ids) == len(set(ids)) == 3


def test_a_reinstated_order_is_told_again_why_its_scan_is_held(bench):
    placed, cancelled, again = words(False, True, False)
    first = decided(bench.take(placed, UNFOCUSED))
    assert reports(bench.take(cancelled)) == []
    second = decided(bench.take(again))
    assert second.report_id != first.report_id
    assert second.reasons == first.reasons


def test_a_reinstated_order_is_told_again_of_every_slide_of_its_specimen(bench):
    placed, cancelled, again = words(False, True, False)
    bench.take(scan(), scan(slide("s2")), *film(), placed, cancelled)
    found = reports(bench.take(again))
    assert [(r.slide.slide_id, r.decision) for r in found] == [
        ("s1", Decision.DECISION_RELEASED),
        ("s2", Decision.DECISION_HELD),
    ]


def test_an_order_reinstated_after_another_took_its_place_is_told_so(bench):
    placed, cancelled, again = words(False, True, False)
    bench.take(placed, *film(), cancelled)
    assert decided(bench.take(order("o2", minute=5))).decision == Decision.DECISION_RELEASED
    report = decided(bench.take(again))
    assert (report.order_id, report.reasons[0].code) == ("o1", "already_reported")


def test_an_order_that_was_cancelled_before_the_slide_was_read_is_reported_when_reinstated(bench):
    placed, cancelled, again = words(False, True, False)
    assert decided(bench.take(placed, cancelled, *film())).decision == Decision.DECISION_AWAITING_ORDER
    assert decided(bench.take(again)).decision == Decision.DECISION_RELEASED


def forget(bench):
    bench.clock.advance(9 * 24 * 3600)
    assert list(bench.handlers.forget()) == []


def test_an_order_reinstated_after_the_cells_were_thrown_away_is_told_so(bench):
    placed, cancelled, again = words(False, True, False)
    bench.take(placed, *film(), cancelled)
    forget(bench)
    assert decided(bench.take(again)).reasons[0].code == "expired"


def test_a_notice_that_was_thrown_away_is_given_again(bench):
    first = decided(bench.take(order(), UNFOCUSED))
    bench.take(UNSTAINED)
    forget(bench)
    again = decided(bench.take(UNFOCUSED))
    assert again.report_id == first.report_id
    assert again.reasons == first.reasons
    assert again.decided_at != first.decided_at
    assert reports(bench.take(UNFOCUSED)) == [again]


def test_a_held_scan_that_becomes_whole_after_its_notice_was_thrown_away_is_read(bench):
    bench.take(order(), UNFOCUSED)
    forget(bench)
    whole = slide(minutes=9 * 24 * 60 + 30)
    assert decided(bench.take(scan(whole), *film(of=whole))).decision == Decision.DECISION_RELEASED
