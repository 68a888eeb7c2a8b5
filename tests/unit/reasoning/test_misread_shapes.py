"""Shapes of red cells: nothing is graded that misread normal cells may explain."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reasoning.accounts import account
from services.reasoning.cells import Box, Kind, Purpose, ReadField, SmearCell
from services.reasoning.figures import Figure
from services.reasoning.haemogram import Haemogram
from services.reasoning.intervals import share
from services.reasoning.knowledge import load_knowledge
from services.reasoning.morphology import GradingTable, morphology
from tests.unit.reasoning.leukocytes import CALM, cells_of

KNOWLEDGE = load_knowledge()
GRADING = KNOWLEDGE.grading
CARD = Path(__file__).resolve().parents[3] / "deploy" / "triton" / "models" / "erythrocytes" / "card.md"


def reds(**shapes):
    return tuple(
        SmearCell(f"{name}-{n}", Kind.ERYTHROCYTE, name, (name,), Box(0, 0, 7, 7))
        for name, cells in shapes.items()
        for n in range(cells)
    )


def field(cells):
    return ReadField("f", frozenset({Purpose.LEUKOCYTES, Purpose.ERYTHROCYTES}), cells)


def told(**shapes):
    counted = morphology([field(reds(**shapes))], KNOWLEDGE.classes, GRADING)
    return {figure.name.removeprefix("erythrocytes."): figure for figure in counted.for_report(1000, 30)}


def judged(**shapes):
    whites = cells_of({"neutrophil_segmented": 120, "lymphocyte": 80})
    return account([field((*whites, *reds(**shapes)))], CALM, Haemogram({}, ()), KNOWLEDGE)


def misread_by_the_card(of=5000):
    """A film of normal cells as the model reads it, by the first table of its card."""
    return {name: round(of * read / normal) for name, (read, normal) in confusions()[0].items() if name != "normal"}


def confusions():
    """Of each table of the card: class → normal cells that were answered with it, and all normal cells."""
    tables = []
    for head, row in re.findall(
        r"^\| true \\ answered \| (.*) \|\n\|[ |-]*\|\n(?:\|.*\n)*?\| normal \| (.*) \|$",
        CARD.read_text(),
        re.MULTILINE,
    ):
        answered = dict(zip(head.split(" | "), map(int, row.split(" | ")), strict=True))
        tables.append({name: (cells, sum(answered.values())) for name, cells in answered.items()})
    return tables


def test_the_table_of_misreads_is_no_more_lenient_than_the_models_card():
    assert confusions()
    for table in confusions():
        for name, misread in GRADING.misreads.items():
            cells, of = table[name]
            assert misread.most_percent >= 100 * cells / of, name


def test_a_film_of_normal_cells_gets_no_grade_and_at_most_the_flag_that_schistocytes_are_possible():
    shapes = misread_by_the_card()
    figures = told(**shapes, normal=5000 - sum(shapes.values()))
    assert {figures[name].grade for name in GRADING.grades} <= {None, 0}
    assert figures["stomatocyte"].withheld.code == "misreads_explain"
    judgement = judged(**shapes, normal=5000 - sum(shapes.values())).judgement
    assert not judgement.held
    assert {rule.rule_id for rule in judgement.findings} <= {"schistocytes_possible"}


def graded(name, cells, of=5000):
    limits = share(cells, of)
    plain = Figure(name, cells, of, "%", (), 100 * cells / of, 100 * limits.low, 100 * limits.high)
    return GRADING.graded(name, plain)


@pytest.mark.parametrize("name", GRADING.grades)
def test_a_grade_is_given_from_where_the_lower_limit_exceeds_the_misreads(name):
    figures = [graded(name, cells) for cells in range(0, 5001, 10)]
    assert all(figure.low > GRADING.misreads[name].most_percent for figure in figures if figure.grade)
    assert figures[-1].grade == 3


@pytest.mark.parametrize("name", GRADING.grades)
@pytest.mark.parametrize("true_share", [0.06, 0.12, 0.3])
def test_the_grade_is_that_of_the_film_and_not_of_what_the_classifier_adds_or_misses(name, true_share):
    """Read as the card says: of the class's cells those found, of the others those misread."""
    found, misread = GRADING.found[name].share, GRADING.misreads[name].share
    read = round(20_000 * (true_share * found + (1 - true_share) * misread))
    figure = graded(name, read, of=20_000)
    assert figure.graded_value == pytest.approx(100 * true_share, abs=0.1)
    assert figure.grade == GRADING.grades[name].grade(100 * true_share)
    assert figure.value == 100 * read / 20_000


def test_a_classifier_that_finds_no_more_than_it_misreads_grades_nothing():
    raw = {**GRADING.model_dump(), "found": {**GRADING.model_dump()["found"], "target": {"cells": 1, "of": 400}}}
    with pytest.raises(ValueError, match="target"):
        GradingTable.model_validate(raw)


def test_no_cell_of_a_class_is_grade_0():
    figure = told(normal=5000)["schistocyte"]
    assert (figure.value, figure.grade, figure.withheld) == (0, 0, None)


@given(st.sampled_from(sorted(GRADING.grades)), st.integers(0, 4900), st.integers(1, 100))
def test_more_cells_never_take_a_grade_away(name, cells, more):
    assert (graded(name, cells + more).grade or 0) >= (graded(name, cells).grade or 0)


def test_schistocytes_beyond_misreading_hold_the_slide():
    read = judged(schistocyte=150, normal=4850)
    assert read.judgement.held
    assert read.judgement.reasons[0].code == "schistocytes"
    figure = next(figure for figure in read.figures if figure.name == "erythrocytes.schistocyte")
    assert figure.grade == 3


def test_schistocytes_within_misreading_are_a_flag_without_a_figure():
    read = judged(schistocyte=52, normal=4948)
    assert not read.judgement.held
    assert [rule.rule_id for rule in read.judgement.findings] == ["schistocytes_possible"]
    figure = next(figure for figure in read.figures if figure.name == "erythrocytes.schistocyte")
    assert (figure.value, figure.grade, figure.numerator) == (None, None, 52)


@pytest.mark.parametrize(
    "seen",
    [{"schistocyte": 300, "unidentified": 2500, "normal": 2200}, {"schistocyte": 40, "normal": 400}],
    ids=["too many without a name", "too few red cells"],
)
def test_schistocytes_beyond_misreading_are_critical_even_when_their_share_is_withheld(seen):
    read = judged(**seen)
    assert read.judgement.reasons[0].code == "schistocytes"
    figure = next(figure for figure in read.figures if figure.name == "erythrocytes.schistocyte")
    assert figure.value is None
    few = judged(schistocyte=2, normal=200)
    assert "schistocytes" not in [rule.rule_id for rule in few.judgement.findings]


def test_a_better_model_lets_smaller_shares_be_graded():
    better = {name: misread.model_copy(update={"cells": 0}) for name, misread in GRADING.misreads.items()}
    grading = GRADING.model_copy(update={"misreads": better})
    counted = morphology([field(reds(schistocyte=60, normal=4940))], KNOWLEDGE.classes, grading)
    assert next(f for f in counted.classes if f.name == "erythrocytes.schistocyte").grade == 2
