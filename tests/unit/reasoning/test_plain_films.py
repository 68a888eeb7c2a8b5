"""Models err: a few per cent of misread cells must neither hold plain films nor hide suspicious ones."""

import random

import pytest

from services.reasoning.accounts import account
from services.reasoning.cells import UNIDENTIFIED
from services.reasoning.haemogram import Haemogram
from tests.unit.reasoning.leukocytes import CALM, cell, read

PLAIN = {
    "neutrophil_segmented": 0.56,
    "neutrophil_band": 0.04,
    "lymphocyte": 0.30,
    "monocyte": 0.06,
    "eosinophil": 0.03,
    "basophil": 0.01,
}
# What a class is taken for when it is misread: mostly its neighbours in maturation and size.
NEIGHBOURS = {
    "neutrophil_segmented": ["neutrophil_band"] * 8 + ["metamyelocyte", "eosinophil"],
    "neutrophil_band": ["neutrophil_segmented"] * 6 + ["metamyelocyte"] * 3 + ["myelocyte"],
    "lymphocyte": ["monocyte"] * 5 + ["erythroblast"] * 2 + ["basophil"] * 2 + ["blast"],
    "monocyte": ["lymphocyte"] * 5 + ["neutrophil_band"] * 2 + ["metamyelocyte", "myelocyte", "promyelocyte"],
    "eosinophil": ["neutrophil_segmented"],
    "basophil": ["lymphocyte"],
}
# Which classes cannot be excluded of a plain cell, in a hundred of it: by the card of the leukocyte model.
DOUBTS = {
    "neutrophil_segmented": {"neutrophil_band": 40},
    "neutrophil_band": {"neutrophil_segmented": 40, "myelocyte": 2, "metamyelocyte": 7},
    "lymphocyte": {"myelocyte": 1.6, "erythroblast": 0.5, "blast": 0.5},
    "monocyte": {"myelocyte": 2.8, "blast": 0.5},
    "basophil": {"promyelocyte": 2.6},
}


def read_film(seed, shares, of, errors, likeliest):
    """Leukocytes drawn from `shares`, as a classifier reads them that errs in `errors` of them, mostly unsure.

    `likeliest`: a cell of several candidates is called by the likeliest; otherwise it has no name.
    """
    chance = random.Random(seed)
    truth = chance.choices(list(shares), list(shares.values()), k=of)
    return read(_read(chance, f"c{n}", name, errors, likeliest) for n, name in enumerate(truth))


def _read(chance, number, truth, errors, likeliest):
    if chance.random() < errors:
        label = chance.choice(NEIGHBOURS.get(truth, [truth]))
        sure = chance.uniform(0.6, 1.0)
        return _called(number, {label: sure, truth: 1 - sure}, likeliest)
    others = [name for name, percent in DOUBTS.get(truth, {}).items() if chance.random() < percent / 100]
    sure = chance.uniform(0.55, 0.9) if others else chance.uniform(0.9, 1.0)
    return _called(number, {truth: sure} | {name: (1 - sure) / len(others) for name in others}, likeliest)


def _called(number, probabilities, likeliest):
    candidates = tuple(name for name, p in probabilities.items() if p >= 0.1)
    named = likeliest or len(candidates) == 1
    return cell(number, max(probabilities, key=probabilities.get) if named else UNIDENTIFIED, candidates, probabilities)


def held(knowledge, shares, of=210, errors=0.03, likeliest=True, seeds=40):
    fields = ([read_film(seed, shares, of, errors, likeliest)] for seed in range(seeds))
    return sum(account(field, CALM, Haemogram({}, ()), knowledge).judgement.held for field in fields) / seeds


@pytest.mark.parametrize("likeliest", [True, False])
@pytest.mark.parametrize("errors", [0.01, 0.03])
@pytest.mark.parametrize("of", [120, 210, 410])
def test_plain_films_read_with_up_to_three_per_cent_of_errors_are_released(knowledge, of, errors, likeliest):
    shares = PLAIN if likeliest else without_bands(PLAIN)
    assert held(knowledge, shares, of, errors, likeliest) <= 0.05


@pytest.mark.parametrize("likeliest", [True, False])
@pytest.mark.parametrize("of", [120, 410])
@pytest.mark.parametrize(
    ("suspicious", "share"), [("blast", 0.06), ("promyelocyte", 0.06), ("erythroblast", 0.06), ("metamyelocyte", 0.08)]
)
def test_films_with_suspicious_cells_are_held(knowledge, suspicious, share, of, likeliest):
    shares = {name: part * (1 - share) for name, part in without_bands(PLAIN).items()} | {suspicious: share}
    assert held(knowledge, shares, of, likeliest=likeliest) >= 0.95


def without_bands(shares):
    """Under names that need a single candidate, half of the neutrophils have none, and count for their group."""
    return shares | {"neutrophil_segmented": 0.6, "neutrophil_band": 0.0}
