import numpy as np
import pytest

from services.training.classifier.ordinary import ordinary_cells
from services.training.labels import mended
from services.training.looks import in_the_look_of
from services.training.sources import Box, Field


def row(*sides: tuple[float, float], kind: str = "erythrocyte") -> list[Box]:
    return [Box(40.0 * place, 10.0, *side, kind) for place, side in enumerate(sides)]


def test_ordinary_cells_are_alone_square_and_of_the_usual_size():
    usual = [(20.0, 20.0)] * 5
    boxes = row(*usual, (20.0, 28.0), (30.0, 30.0), (12.0, 12.0))
    assert ordinary_cells(boxes, 9) == [(40.0 * place + 10, 20.0) for place in range(5)]
    touching = [*boxes, Box(5.0, 12.0, 8.0, 8.0, "platelet")]
    assert ordinary_cells(touching, 9) == [(40.0 * place + 10, 20.0) for place in range(1, 5)]


def test_no_more_ordinary_cells_than_wanted_and_these_spread_over_the_field():
    boxes = row(*[(20.0, 20.0)] * 9)
    assert ordinary_cells(boxes, 3) == [(10.0, 20.0), (170.0, 20.0), (330.0, 20.0)]


def test_few_red_cells_have_no_usual_size():
    assert ordinary_cells(row(*[(20.0, 20.0)] * 4), 9) == []
    assert ordinary_cells(row(*[(20.0, 20.0)] * 9, kind="leukocyte"), 9) == []


def test_fields_known_to_be_mislabelled_are_left_out(tmp_path):
    boxes = tuple(row((20.0, 20.0)))
    fields = [Field("deepbionet", tmp_path / name, 0.132, boxes) for name in ("c93fa910a6.webp", "0123456789.webp")]
    assert mended(fields) == fields[1:]


def disc(glass: tuple[int, int, int], cell: tuple[int, int, int]) -> np.ndarray:
    rows, columns = np.mgrid[0:80, 0:80] - 40
    inside = rows**2 + columns**2 < 25**2
    return np.where(inside[..., None], cell, glass).astype(np.uint8)


def test_a_picture_takes_on_the_glass_and_the_cells_of_another():
    pink, blue = disc((240, 235, 230), (200, 120, 130)), disc((150, 220, 240), (100, 140, 180))
    assert np.abs(in_the_look_of(pink, blue).astype(int) - blue).max() <= 3
    assert np.abs(in_the_look_of(blue, pink).astype(int) - pink).max() <= 3


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_without_cells_keeps_none(level):
    empty = np.full((80, 80, 3), level, np.uint8)
    looked = in_the_look_of(empty, disc((240, 235, 230), (200, 120, 130)))
    assert np.ptp(looked) <= 240 - 230
