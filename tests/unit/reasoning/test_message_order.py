"""Topics are independent of each other and deliver at least once: whatever the order and the repeats, one end."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.contracts import Decision, Question, ScanState
from tests.unit.reasoning.smears import Bench, film_tiles, order, reading, reports, scan, slide

ROUND_1 = film_tiles({"lymphocyte": 60, "neutrophil_segmented": 90}, reds=30, tiles=3)
ROUND_2 = film_tiles({"neutrophil_segmented": 52, "blast": 2}, reds=0, tiles=2, round_=2, prefix="u")
READ = [
    scan(),
    order(haemogram=[("6690-2", 9.0, "10*9/L")]),
    reading([t.tile_id for t in ROUND_1]),
    *ROUND_1,
    reading([t.tile_id for t in ROUND_2], round_=2, exhausted=[Question.QUESTION_LEUKOCYTES]),
    *ROUND_2,
]
HELD = [scan(state=ScanState.SCAN_STATE_HELD, code="unfocused", text="out of focus"), order(), order("o2", minute=4)]


def arrivals(messages):
    """Every message at least once, in any order, some again."""
    again = st.lists(st.sampled_from(range(len(messages))), max_size=6)
    numbers = again.flatmap(lambda more: st.permutations([*range(len(messages)), *more]))
    return numbers.map(lambda order_: [messages[n] for n in order_])


def ends(knowledge, arrived, restarts=()):
    """The last report for each order, by the order."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), knowledge, erythrocytes=0)
        last = {}
        for number, message in enumerate(arrived):
            if number in restarts:
                bench.open()
            for report in reports(bench.take(message)):
                if report.decision != Decision.DECISION_AWAITING_ORDER:
                    assert last.setdefault(report.order_id, report) == report
        bench.database.close()
        return last


@settings(max_examples=25, deadline=None)
@given(arrived=arrivals(READ), restarts=st.sets(st.integers(0, 15)))
def test_a_slides_report_is_the_same_in_whatever_order_its_messages_come(knowledge, arrived, restarts):
    last = ends(knowledge, arrived, restarts)
    assert last == ends(knowledge, READ)
    assert last["o1"].decision == Decision.DECISION_HELD
    assert last["o1"].targets[0].reached == 204


@settings(max_examples=12, deadline=None)
@given(arrived=arrivals(HELD))
def test_a_held_scan_is_told_to_every_order_in_whatever_order_they_come(knowledge, arrived):
    last = ends(knowledge, arrived)
    assert last == ends(knowledge, HELD)
    assert {report.reasons[0].code for report in last.values()} == {"unfocused"}


@settings(max_examples=12, deadline=None)
@given(arrived=st.permutations([scan(), scan(slide("s2")), order(), *READ[2:], *film_tiles(of=slide("s2"), tiles=2)]))
def test_a_specimen_has_one_reported_slide_in_whatever_order_two_scans_come(knowledge, arrived):
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), knowledge, erythrocytes=0)
        found = [r for r in reports(bench.take(*arrived)) if r.order_id]
        bench.database.close()
    assert {r.slide.slide_id for r in found if r.measures} == {"s1"}
    assert all(r.reasons[0].code == "second_scan" for r in found if r.slide.slide_id == "s2")
