"""One place, one cell: what a detector finds twice is counted once."""

import numpy as np
import pytest

from services.analysis.cards import DetectorCard, Input
from services.analysis.cells import Box, Kind, Placement
from services.analysis.detection import Detector
from services.analysis.pixels import CANONICAL_UM_PER_PX, TILE
from services.analysis.tiles import TilePixels

RED, WHITE, PLATELET = (list(Kind).index(kind) for kind in (Kind.ERYTHROCYTE, Kind.LEUKOCYTE, Kind.PLATELET))


def found(*rows):
    """The kinds that stay, of rows (x, y, width, height, score, kind) as the graph gives them."""

    class Finding:
        is_warm = True

        def infer(self, model, inputs):
            return {"cells": np.array([sorted(rows, key=lambda row: -row[4])], np.float32)}

    card = DetectorCard(
        name="detector",
        version="1",
        sha256="0" * 64,
        um_per_px=CANONICAL_UM_PER_PX,
        input=Input("image", "uint8", (TILE, TILE, 3)),
        kinds=tuple(Kind),
        score_thresholds=dict.fromkeys(Kind, 0.3),
    )
    image = np.zeros((TILE, TILE, 3), np.uint8)
    tile = TilePixels(image, Placement(0, 0, 1, 1), Box(0, 0, TILE, TILE), frozenset(Kind))
    return [detection.kind for detection in Detector(Finding(), card).detect([tile])[0]]


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_of_two_kinds_on_one_box_the_more_probable_stays(shift):
    assert found((200, 200, 45, 45, 0.6, PLATELET), (200 + shift, 200, 45, 45, 0.4, RED)) == [Kind.PLATELET]
    assert found((200, 200, 45, 45, 0.4, PLATELET), (200 + shift, 200, 45, 45, 0.6, RED)) == [Kind.ERYTHROCYTE]


@pytest.mark.parametrize("other", [RED, PLATELET])
def test_what_may_be_a_leukocyte_is_one_however_sure_the_other_kind_is(other):
    assert found((200, 200, 45, 45, 0.35, WHITE), (202, 200, 45, 45, 0.9, other)) == [Kind.LEUKOCYTE]


def test_of_three_kinds_one_stays():
    rows = [(200, 200, 60, 60, score, kind) for score, kind in ((0.5, RED), (0.9, WHITE), (0.4, PLATELET))]
    assert found(*rows) == [Kind.LEUKOCYTE]


def test_what_a_dropped_cell_overlaps_is_not_dropped_for_it():
    """A chain: the middle one is the first one over again; the last one is neither."""
    first, middle, last = (200, 0.9, RED), (204, 0.8, PLATELET), (208, 0.7, RED)
    assert found(*((x, 200, 50, 50, score, kind) for x, score, kind in (first, middle, last))) == [Kind.ERYTHROCYTE] * 2


def test_a_platelet_on_a_red_cell_and_cells_side_by_side_are_cells_of_their_own():
    assert len(found((200, 200, 55, 55, 0.9, RED), (205, 205, 18, 18, 0.6, PLATELET))) == 2
    assert len(found((200, 200, 55, 55, 0.9, RED), (240, 200, 80, 80, 0.6, WHITE))) == 2


def test_red_cells_that_overlap_are_left_apart():
    assert found((200, 200, 55, 55, 0.9, RED), (203, 200, 55, 55, 0.6, RED)) == [Kind.ERYTHROCYTE] * 2


def test_nothing_found_is_nothing():
    assert found((200, 200, 50, 50, 0.1, RED)) == []
