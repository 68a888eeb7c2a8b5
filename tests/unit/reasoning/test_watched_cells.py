"""Blasts, early granulocytes and erythroblasts: how many hold a film, however many leukocytes were counted."""

import pytest

from services.reasoning.accounts import account
from services.reasoning.cells import UNIDENTIFIED
from services.reasoning.haemogram import Haemogram
from tests.unit.reasoning.leukocytes import CALM, cell, cells_of, read

# Certain cells that hold a film, by how many leukocytes were counted.
HOLDS = [
    ("blast", "blasts", {100: 2, 120: 2, 200: 2, 400: 2}),
    ("promyelocyte", "early_granulocytes", {100: 2, 120: 2, 200: 3, 400: 3}),
    ("myelocyte", "early_granulocytes", {100: 2, 120: 2, 200: 3, 400: 3}),
    ("metamyelocyte", "metamyelocytes", {100: 3, 120: 3, 200: 5, 400: 9}),
    ("erythroblast", "erythroblasts", {100: 2, 120: 3, 200: 3, 400: 3}),
]
# Cells that may be one and hold a film.
POSSIBLE_HOLDS = [
    ("blast", "many_possible_blasts", {100: 4, 200: 6, 400: 9}),
    ("promyelocyte", "many_possible_early_granulocytes", {100: 6, 200: 9, 400: 15}),
    ("erythroblast", "many_possible_erythroblasts", {100: 4, 200: 6, 400: 9}),
]
# The label that doubt leaves: by one policy a cell of two candidates has none, by another that of the likelier.
LABELS = [UNIDENTIFIED, "lymphocyte"]


def judged(knowledge, cells):
    return account([read(cells)], CALM, Haemogram({}, ()), knowledge)


def reasons(knowledge, cells):
    return [note.code for note in judged(knowledge, cells).judgement.reasons]


def flat(table):
    return [(*names, of, least) for *names, counts in table for of, least in counts.items()]


def film(of, name, certain):
    """`of` leukocytes with so many certain ones of a class among them; erythroblasts stand beside them."""
    plain = of if name == "erythroblast" else of - certain
    return cells_of({"neutrophil_segmented": plain - plain // 3, "lymphocyte": plain // 3, name: certain})


@pytest.mark.parametrize(("name", "rule", "of", "least"), flat(HOLDS))
def test_so_many_certain_cells_hold_a_film_and_one_less_does_not(knowledge, name, rule, of, least):
    assert rule in reasons(knowledge, film(of, name, least))
    assert reasons(knowledge, film(of, name, least - 1)) == ["nothing_holds"]


def test_reading_more_of_a_film_does_not_hide_what_it_showed(knowledge):
    for name, rule in (("blast", "blasts"), ("myelocyte", "early_granulocytes"), ("erythroblast", "erythroblasts")):
        assert all(rule in reasons(knowledge, film(of, name, 3)) for of in range(100, 1001, 50))


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize(("name", "rule", "of", "least"), flat(POSSIBLE_HOLDS))
def test_so_many_cells_that_may_be_one_hold_a_film_whatever_they_are_called(knowledge, name, rule, of, least, label):
    def doubtful(number):
        both = {"lymphocyte": 0.7, name: 0.25}
        return [cell(f"d{n}", label, ("lymphocyte", name), both) for n in range(number)]

    for number, held in ((least, True), (least - 1, False)):
        read_ = judged(knowledge, [*cells_of({"neutrophil_segmented": of - number}), *doubtful(number)])
        assert (rule in [note.code for note in read_.judgement.reasons]) is held
        figure = next(f for f in read_.figures if f.name == rule.replace("many_", "leukocytes."))
        assert figure.cell_ids == tuple(f"d{n}" for n in range(number))
        assert (figure.denominator, figure.withheld) == (of, None)
        if held:
            [finding] = [found for found in read_.judgement.findings if found.rule_id == rule]
            assert finding.measures == (figure.name,)


@pytest.mark.parametrize("label", [UNIDENTIFIED, "lymphocyte", "blast"])
def test_a_blast_that_is_no_candidate_is_possible_when_it_is_not_improbable(knowledge, label):
    odd = [cell(f"b{n}", label, ("lymphocyte",), {"blast": 0.6, "lymphocyte": 0.35}) for n in range(6)]
    read_ = judged(knowledge, [*cells_of({"neutrophil_segmented": 194}), *odd])
    assert [note.code for note in read_.judgement.reasons] == ["many_possible_blasts"]


@pytest.mark.parametrize("label", [UNIDENTIFIED, "myelocyte", "promyelocyte"])
def test_a_cell_between_myelocyte_and_promyelocyte_is_surely_one_of_them(knowledge, label):
    both = ("promyelocyte", "myelocyte")
    early = [cell(f"e{n}", label, both, {"promyelocyte": 0.5, "myelocyte": 0.46}) for n in range(3)]
    assert "early_granulocytes" in reasons(knowledge, [*cells_of({"neutrophil_segmented": 197}), *early])


def test_a_name_that_others_contest_makes_no_certain_blast(knowledge):
    contested = [cell(f"b{n}", "blast", ("blast", "lymphocyte"), {"blast": 0.92, "lymphocyte": 0.08}) for n in range(3)]
    read_ = judged(knowledge, [*cells_of({"neutrophil_segmented": 197}), *contested])
    assert not read_.judgement.held
    assert {rule.rule_id for rule in read_.judgement.findings} >= {"blast_seen", "some_possible_blasts"}


def test_atypical_cells_that_have_no_class_are_told_and_many_hold(knowledge):
    def strange(number):
        return [*cells_of({"lymphocyte": 200 - number}), *(cell(f"s{n}", UNIDENTIFIED, (), {}) for n in range(number))]

    told = judged(knowledge, strange(12)).judgement
    assert not told.held
    assert "some_unidentified" in [rule.rule_id for rule in told.findings]
    assert "many_unidentified" in reasons(knowledge, strange(41))
