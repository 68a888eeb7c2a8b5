"""What was said is said again by the message that it follows from, and by no other, however often any of them comes."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from services.kit.contracts import Decision, ReadingRequest, ScanState
from services.reasoning.tables import REPORTS
from tests.unit.reasoning.smears import Bench, film, film_tiles, order, reading, reports, scan, slide

ROUND_1 = film_tiles({"lymphocyte": 60, "neutrophil_segmented": 90}, reds=30, tiles=3)
ROUND_2 = film_tiles({"neutrophil_segmented": 60}, reds=0, tiles=2, round_=2, prefix="u")
WAY = [
    scan(),
    reading([t.tile_id for t in ROUND_1]),
    *ROUND_1,
    order(),
    reading([t.tile_id for t in ROUND_2], round_=2),
    *ROUND_2,
    order("o2", minute=4),
]


def requests(outputs):
    return [output.value for output in outputs if isinstance(output.value, ReadingRequest)]


def ids(outputs):
    return [report.report_id for report in reports(outputs)]


def test_tiles_that_come_again_after_the_decision_send_no_report_again(bench):
    announced, *tiles = film()
    bench.take(scan(), order(), announced, *tiles)
    bench.clock.advance(60)
    assert bench.take(announced, *tiles[:-1], scan(), order()) == []


def test_a_tile_that_is_read_again_is_the_tile_it_was(bench):
    announced, *tiles = film()
    first = reports(bench.take(order(), announced, *tiles))
    again = film({"blast": 200})[-1]
    again.tile_id = tiles[-1].tile_id
    again.slide.milestones[-1].at.seconds += 60
    assert reports(bench.take(again)) == first


def test_a_tile_that_comes_after_a_decision_that_was_cut_short_says_nothing(bench):
    announced, *tiles = film({"lymphocyte": 300}, tiles=5)
    bench.take(scan(), order(), announced, *tiles[:-1])
    bench.clock.advance(27 * 60)
    assert len(reports(bench.guard())) == 1
    assert bench.take(tiles[-1], tiles[-1], *tiles) == []


def test_a_round_is_asked_for_once_although_the_next_rounds_tiles_come_before_it_is_announced(bench):
    bench.take(order(), reading([t.tile_id for t in ROUND_1]), *ROUND_1[:-1])
    assert len(requests(bench.take(ROUND_1[-1]))) == 1
    assert bench.take(*ROUND_2, order("o2", minute=4)) == []


def test_a_round_that_was_announced_is_not_asked_for_again(bench):
    bench.take(order(), reading([t.tile_id for t in ROUND_1]), *ROUND_1)
    assert len(requests(bench.take(ROUND_1[-1]))) == 1
    bench.take(reading([t.tile_id for t in ROUND_2], round_=2))
    assert bench.take(*ROUND_1) == []


def test_a_round_is_asked_for_again_when_more_or_sooner_is_wanted(bench):
    bench.take(order(), reading([t.tile_id for t in ROUND_1]), *ROUND_1)
    [more] = requests(bench.take(order(wanted=400, revision=1)))
    [sooner] = requests(bench.take(order(wanted=400, stat=True, revision=2)))
    assert more.cells == sooner.cells == 250
    assert sooner.slide.deadline.ToDatetime() < more.slide.deadline.ToDatetime()
    assert bench.take(ROUND_1[-1]) == []
    assert requests(bench.take(order(wanted=400, stat=True, revision=2))) == [sooner]


def test_an_older_word_on_a_scan_or_order_says_nothing_again(bench):
    held = scan(state=ScanState.SCAN_STATE_HELD, code="unfocused", text="out of focus", revision=1)
    bench.take(order(revision=1), held)
    bench.take(scan(revision=2), *film())
    assert bench.take(held, order(revision=0)) == []


def test_a_notice_that_could_not_be_sent_is_sent_although_a_later_word_has_come(bench):
    held = [scan(state=ScanState.SCAN_STATE_HELD, code="unfocused", text="out of focus", revision=n) for n in (1, 2)]
    bench.take(order())
    # Its outputs are lost, and it comes again behind the next word.
    (notice,) = reports(bench.take(held[0]))
    assert bench.take(held[1]) == []
    assert reports(bench.take(held[0])) == [notice]


def test_what_time_decided_and_could_not_say_is_not_said_once_another_report_took_its_place(bench):
    announced, *tiles = film()
    bench.take(scan(), order(), announced)
    bench.clock.advance(27 * 60)
    (late,) = reports(bench.guard(sent=False))
    (after,) = reports(bench.take(*tiles))
    assert after.report_id != late.report_id
    assert late.report_id not in ids(bench.guard())


@pytest.mark.parametrize("number", range(len(WAY)))
def test_what_a_kill_kept_from_the_others_is_said_when_the_message_comes_again(make_bench, number):
    whole = make_bench(erythrocytes=0)
    said = [whole.take(message) for message in WAY]
    bench = make_bench(erythrocytes=0)
    bench.take(*WAY[:number])
    # Its outputs are lost: the process ended between its state and the sending.
    bench.take(WAY[number])
    bench.open()
    bench.clock.advance(1)
    again = bench.take(WAY[number])
    assert [type(output.value) for output in again] == [type(output.value) for output in said[number]]
    assert requests(again) == requests(said[number])
    assert ids(again) == ids(said[number])


@settings(max_examples=25)
@given(lost=st.lists(st.booleans(), min_size=len(WAY), max_size=len(WAY)), data=st.data())
def test_with_kills_and_repetitions_everybody_hears_what_they_would_have_heard(knowledge, tmp_path_factory, lost, data):
    """Each message comes until what follows from it was sent, then perhaps again, beside any that came before."""
    benches = [Bench(tmp_path_factory.mktemp("case"), knowledge, erythrocytes=0) for _ in range(2)]
    plain, tried = benches
    heard = [output for message in WAY for output in plain.take(message)]
    got = []
    for number, message in enumerate(WAY):
        if lost[number]:
            tried.take(message)
            tried.open()
        got += tried.take(message)
        for again in data.draw(st.lists(st.sampled_from(WAY[: number + 1]), max_size=2)):
            got += tried.take(again)
    for bench in benches:
        bench.database.close()
    assert dict.fromkeys(ids(got)) == dict.fromkeys(ids(heard))
    assert {r.round for r in requests(got)} == {r.round for r in requests(heard)} == {2}
    released = [r for r in reports(heard) if r.decision == Decision.DECISION_RELEASED]
    assert len(released) == 1


def test_reports_of_an_older_version_are_told_once_more_in_turns(bench, monkeypatch):
    """As the migration leaves them: issued for reasons not on record, and perhaps not sent."""
    monkeypatch.setattr("services.reasoning.report_store.MOST_TOLD", 2)
    held = [scan(slide(f"s{n}", f"24-{n}"), ScanState.SCAN_STATE_HELD, "unfocused", "out") for n in range(5)]
    orders = [order(f"o{n}", f"24-{n}") for n in range(5)]
    said = ids(bench.take(*held, *orders))
    with bench.database.transaction() as connection:
        connection.execute(update(REPORTS).values(cause="", announced=False))
    bench.clock.advance(timedelta(minutes=1).total_seconds())
    told = [ids(bench.guard()) for _ in range(4)]
    assert told == [said[:2], said[2:4], said[4:], []]
    with bench.database.transaction() as connection:
        assert set(connection.execute(select(REPORTS.c.announced)).scalars()) == {True}
