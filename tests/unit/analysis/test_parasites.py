import numpy as np
import pytest

from services.analysis.cards import ClassifierCard, Input
from services.analysis.classification import Classifier
from services.analysis.parasites import ParasiteSearch

CLASSES = ("ring", "uninfected", "gametocyte")


class Answering:
    """Gives the probabilities that it is told, whatever it sees."""

    is_warm = True

    def __init__(self, probabilities, distances):
        self._probabilities, self._distances = probabilities, distances

    def infer(self, model, inputs):
        return {"probabilities": np.array(self._probabilities), "distance": np.array(self._distances)}


def search(*probabilities, distances=None):
    card = ClassifierCard(
        name="plasmodium",
        version="1",
        sha256="0" * 64,
        um_per_px=0.137,
        input=Input("crops", "uint8", (64, 64, 3)),
        classes=CLASSES,
        conformal=dict.fromkeys(CLASSES, 0.1),
        confidence=0.4,
        distance=10.0,
    )
    return ParasiteSearch(Classifier(Answering(probabilities, distances or [0.0] * len(probabilities)), card))


def crops(count):
    return [np.zeros((64, 64, 3), np.uint8)] * count


def test_what_is_not_uninfected_is_infected():
    found = search((0.1, 0.7, 0.2), (0.0, 1.0, 0.0)).findings(crops(2))
    assert [one.by_name for one in found] == [{"plasmodium": pytest.approx(0.3)}, {"plasmodium": 0.0}]
    assert all(one.reliable for one in found)


def test_a_cell_that_is_probably_infected_has_its_stages():
    (found,) = search((0.5, 0.2, 0.3)).findings(crops(1))
    stages = {"plasmodium_ring": 0.5, "plasmodium_gametocyte": 0.3}
    assert found.by_name == {"plasmodium": pytest.approx(0.8)} | stages


def test_what_is_found_in_what_resembles_no_red_cell_is_told_and_not_relied_on():
    near, far = search((0.9, 0.1, 0.0), (0.9, 0.1, 0.0), distances=(9.0, 11.0)).findings(crops(2))
    assert near.by_name == far.by_name
    assert (near.reliable, far.reliable) == (True, False)


def test_no_red_cells_no_findings():
    assert search().findings([]) == []
