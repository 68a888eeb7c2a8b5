from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.training import left_out
from services.training.classifier.cells import Cell
from services.training.classifier.design import LEUKOCYTE_DESIGN
from services.training.errors import TrainingError
from services.training.left_out import LeftOut, judge, record, records, section, without
from services.training.splits import Part

CLASSES = ("lymphocyte", "monocyte", "basophil")
IMAGE = np.zeros((8, 8, 3), np.uint8)


def cell(names, source="pbc"):
    return Cell(IMAGE, 4, 4, "/".join(names), np.array([one in names for one in CLASSES]), source, 0.1)


CELLS = [
    cell(["lymphocyte"]),
    cell(["basophil"]),
    cell(["monocyte", "basophil"]),
    cell([]),
    cell(["basophil"], "other"),
    cell(["monocyte"], "other"),
]
DESIGN = replace(LEUKOCYTE_DESIGN, classes=CLASSES, load=lambda *_: list(CELLS))


def test_a_model_without_a_class_meets_no_cell_of_it_and_has_no_answer_for_it():
    design = without(DESIGN, "class", "basophil")
    assert design.classes == ("lymphocyte", "monocyte")
    assert [one.label for one in design.load()] == ["lymphocyte", "monocyte/basophil", "", "monocyte"]
    assert [one.allowed.tolist() for one in design.load()] == [
        [True, False],
        [False, True],
        [False, False],
        [False, True],
    ]


def test_a_model_without_a_set_meets_no_cell_of_it_and_keeps_its_classes():
    design = without(DESIGN, "set", "other")
    assert design.classes == CLASSES
    assert {one.source for one in design.load()} == {"pbc"}


def test_a_class_that_is_not_there_cannot_be_left_out():
    with pytest.raises(TrainingError, match="leukocytes has no class plasma_cell; its classes are lymphocyte"):
        without(DESIGN, "class", "plasma_cell")


class Model:
    """Calls every cell a monocyte, surely or not."""

    def __init__(self, classes, sure):
        self.answer = np.array([0.9 if sure else 0.5 if one == "monocyte" else 0.1 for one in classes])
        self.answer = np.where(np.array(classes) == "monocyte", 0.9 if sure else 0.4, 0.05)

    def __call__(self, crops):
        return [np.tile(self.answer, (len(crops), 1)), np.zeros(len(crops))]


@pytest.fixture
def described(monkeypatch):
    def describe(classes, *, sure):
        words = {
            "classes": list(classes),
            "conformal": dict.fromkeys(classes, 0.3),
            "confidence": 0.6,
            "distance": 1.0,
            "origin": {"epochs": 3, "seed": 1},
        }
        made = left_out.Described(Model(classes, sure), words)
        monkeypatch.setattr(left_out.Described, "of", classmethod(lambda *_: made))

    return describe


@pytest.mark.parametrize(("sure", "named"), [(True, 2), (False, 0)])
def test_what_was_left_out_is_counted_by_whether_it_is_given_a_name(described, sure, named):
    described(("lymphocyte", "monocyte"), sure=sure)
    found = judge(DESIGN, ("class", "basophil"), Path("data"), {}, Path("folder"))
    assert (found.cells, found.named, found.right) == (2, named, 0)
    assert (found.others, found.others_named, found.others_right) == (2, named, named // 2)


def test_of_a_set_that_was_left_out_it_counts_what_is_right(described):
    described(CLASSES, sure=True)
    found = judge(DESIGN, ("set", "other"), Path("data"), {}, Path("folder"))
    assert (found.cells, found.named, found.right) == (2, 2, 1)
    assert (found.others, found.others_named, found.others_right) == (2, 2, 0)
    with pytest.raises(TrainingError, match="the test part has no cell of the set elsewhere"):
        judge(DESIGN, ("set", "elsewhere"), Path("data"), {}, Path("folder"))


def test_the_test_part_alone_is_judged(described):
    asked = []
    design = replace(DESIGN, load=lambda *given: asked.append(given[-1]) or list(CELLS))
    described(CLASSES, sure=True)
    judge(design, ("set", "other"), Path("data"), {}, Path("folder"))
    assert asked == [Part.TEST]


def test_a_record_replaces_the_one_before_it_and_stands_in_the_card(tmp_path):
    first = LeftOut("leukocytes", "class", "basophil", 3, 1, 100, 60, 0, 900, 880, 860)
    again, other = replace(first, named=15), replace(first, kind="set", name="txl_pbc", right=91)
    for found in (first, other, again):
        record(found, tmp_path)
    assert records("leukocytes", tmp_path) == [again, other]
    text = section(records("leukocytes", tmp_path))
    assert "| class basophil | 3 | 100 | 0.850 (" in text
    assert "0.910 (" in text
    assert section([]) == ""
