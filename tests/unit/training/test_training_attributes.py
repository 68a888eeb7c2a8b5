import numpy as np
import pytest

from services.training.classifier.answers import Answers
from services.training.classifier.attributes import marked, spans, width
from services.training.classifier.cells import Cell, told
from services.training.classifier.figures import attributes_section

ATTRIBUTES = {"cell_size": ("big", "small"), "granule_type": ("nil", "small", "round")}


def test_each_attribute_has_columns_of_its_own():
    assert width(ATTRIBUTES) == 5
    assert dict(spans(ATTRIBUTES)) == {"cell_size": slice(0, 2), "granule_type": slice(2, 5)}


def test_what_is_told_is_marked_and_of_the_rest_nothing():
    row = marked({"granule_type": "round"}, ATTRIBUTES)
    assert row.tolist() == [False, False, False, False, True]
    assert not marked({}, ATTRIBUTES).any()
    with pytest.raises(KeyError, match="granule_type has no value 'coarse'; known are nil, small, round"):
        marked({"granule_type": "coarse"}, ATTRIBUTES)


def test_cells_of_which_nothing_is_told_stand_beside_the_others():
    image, allowed = np.zeros((4, 4, 3), np.uint8), np.array([True])
    known = Cell(image, 2, 2, "x", allowed, "pbc", 0.1, marked({"cell_size": "small"}, ATTRIBUTES))
    rows = told([known, Cell(image, 2, 2, "x", allowed, "other", 0.1)], 5)
    assert rows.tolist() == [[False, True, False, False, False], [False] * 5]


def test_the_card_counts_each_attribute_among_the_cells_that_it_is_told_of():
    big, small = [0.9, 0.1, 0.8, 0.1, 0.1], [0.2, 0.8, 0.1, 0.1, 0.8]
    marks = [
        marked({"cell_size": "big"}, ATTRIBUTES),
        marked({"cell_size": "big", "granule_type": "round"}, ATTRIBUTES),
    ]
    nothing = marked({}, ATTRIBUTES)
    found = Answers(
        np.ones((4, 1)),
        np.zeros(4),
        np.zeros(4, np.int64),
        np.ones((4, 1), bool),
        np.array(["x"] * 4),
        np.array([big, small, small, big]),
        np.stack([marks[0], marks[1], marks[1], nothing]),
    )
    lines = attributes_section(found, ATTRIBUTES, seed=1).splitlines()
    size, granules = (next(line for line in lines if line.startswith(f"| {name}")) for name in ATTRIBUTES)
    assert "| 3 | 0.333" in size
    assert "big 0.333 of 3" in size
    assert "| 2 | 1.000" in granules
    assert "round 1.000 of 2" in granules
