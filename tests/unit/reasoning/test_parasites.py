"""Parasites in red cells: nothing is told that misread cells may explain, and what they do not explain holds."""

import pytest

from services.reasoning.accounts import account
from services.reasoning.cells import Box, Kind, Purpose, ReadField, SmearCell
from services.reasoning.haemogram import Haemogram
from services.reasoning.knowledge import load_knowledge
from services.reasoning.parasites import parasites
from tests.unit.reasoning.leukocytes import CALM, cells_of

KNOWLEDGE = load_knowledge()
COUNTING = KNOWLEDGE.counting
SURE = COUNTING.plasmodium_probability.value


def reds(infected, plain, probability=SURE):
    found = [probability] * infected + [0.001] * plain
    return tuple(
        SmearCell(f"e{n}", Kind.ERYTHROCYTE, "normal", ("normal",), Box(0, 0, 7, 7), {}, {"plasmodium": p})
        for n, p in enumerate(found)
    )


def field(cells, purpose=Purpose.ERYTHROCYTES):
    return ReadField("f", frozenset({Purpose.LEUKOCYTES, purpose}), cells)


def told(cells):
    (figure,) = parasites([field(cells)], COUNTING).for_report(COUNTING)
    return figure


def rules(cells):
    whites = cells_of({"neutrophil_segmented": 120, "lymphocyte": 80})
    judged = account([field((*whites, *cells))], CALM, Haemogram({}, ()), KNOWLEDGE).judgement
    return {rule.rule_id for rule in judged.findings}, judged.held


def test_the_share_is_of_all_cells_searched_and_keeps_the_infected():
    figure = told(reds(100, 4900))
    assert (figure.numerator, figure.denominator, figure.value) == (100, 5000, 2.0)
    assert figure.cell_ids == tuple(f"e{n}" for n in range(100))
    assert (figure.low, figure.high) == pytest.approx((1.63, 2.43), abs=0.01)


def test_no_infected_cell_is_told_with_the_limit_of_what_was_searched():
    figure = told(reds(0, 5000))
    assert (figure.value, figure.low) == (0.0, 0.0)
    assert figure.high == pytest.approx(0.074, abs=0.001)
    assert rules(reds(0, 5000))[0] == set()


def test_few_cells_searched_tell_nothing():
    assert told(reds(0, 1999)).withheld.code == "too_few_erythrocytes"
    assert told(reds(50, 1949)).withheld.code == "too_few_erythrocytes"
    assert told(reds(0, 2000)).withheld is None


@pytest.mark.parametrize(
    ("infected", "expected"),
    [(7, set()), (9, {"plasmodium_seen"}), (11, {"plasmodium_possible", "plasmodium_seen"})],
)
def test_what_misread_cells_may_give_is_no_share_and_held_when_it_is_more_than_usual(infected, expected):
    cells = reds(infected, 5000 - infected)
    assert told(cells).withheld.code == "misreads_explain"
    assert told(cells).numerator == infected
    found, held = rules(cells)
    assert found == expected
    assert held is ("plasmodium_possible" in expected)


def test_more_than_misread_cells_give_holds_the_slide_as_critical():
    found, held = rules(reds(15, 4985))
    assert {"plasmodium", "plasmodium_possible"} <= found
    assert held


@pytest.mark.parametrize(("infected", "plain"), [(104, 1223), (3, 50)])
def test_parasites_are_critical_also_where_too_few_red_cells_were_searched_for_a_share(infected, plain):
    cells = reds(infected, plain)
    assert told(cells).value is None
    assert told(cells).withheld.text.startswith(f"{infected} of {infected + plain} red cells look infected")
    found, held = rules(cells)
    assert "plasmodium" in found
    assert held


def test_what_looks_infected_and_has_a_nucleus_is_no_red_cell():
    searched = ReadField("f", frozenset({Purpose.ERYTHROCYTES}), reds(3, 2), nuclei=((3.0, 3.0),))
    assert parasites([searched], COUNTING).searched == ()


def test_a_cell_that_is_only_probably_infected_does_not_count():
    assert told(reds(100, 4900, SURE - 0.01)).numerator == 0


def test_cells_of_fields_read_for_something_else_or_not_searched_do_not_count():
    assert parasites([field(reds(10, 90), Purpose.PLATELET_CLUMPS)], COUNTING).searched == ()
    unsearched = SmearCell("e", Kind.ERYTHROCYTE, "normal", ("normal",), Box(0, 0, 7, 7))
    assert parasites([field((unsearched,))], COUNTING).searched == ()
