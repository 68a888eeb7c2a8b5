import numpy as np
import pytest

from services.training.classifier.others import made_pictures, other_places
from services.training.sources import Box


def red(x: float, y: float, side: float = 60.0) -> Box:
    return Box(x, y, side, side, "erythrocyte")


def test_red_cells_alone_and_touching_are_what_is_no_leukocyte():
    fields = [red(0, 0), red(50, 0), red(500, 500)]
    assert other_places(fields, 0.1, 9) == [(30.0, 30.0), (80.0, 30.0), (530.0, 530.0), (55.0, 30.0)]


def test_a_red_cell_at_a_leukocyte_or_under_a_platelet_is_left_out():
    near = Box(40, 0, 120, 120, "leukocyte")
    on_it = Box(520, 520, 20, 20, "platelet")
    assert other_places([red(0, 0), red(500, 500), red(300, 300), near, on_it], 0.1, 9) == [(330.0, 330.0)]


def test_what_is_near_in_pixels_is_far_where_pixels_are_large():
    cells = [red(0, 0), Box(60, 0, 120, 120, "leukocyte")]
    assert other_places(cells, 0.05, 9) == []
    assert other_places(cells, 0.4, 9) == [(30.0, 30.0)]


def test_no_more_places_than_wanted_and_these_spread():
    row = [red(100.0 * place, 0) for place in range(9)]
    assert other_places(row, 0.1, 3) == [(30.0, 30.0), (430.0, 30.0), (830.0, 30.0)]
    assert other_places([], 0.1, 3) == []


def cell() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (187, 187, 3), np.uint8)


def test_made_pictures_are_pictures_all_different_and_the_same_by_seed():
    pictures = made_pictures([cell()], 32, 288, seed=1)
    assert {(p.shape, p.dtype) for p in pictures} == {((288, 288, 3), np.dtype(np.uint8))}
    assert len({p.tobytes() for p in pictures}) == 32
    again = made_pictures([cell()], 32, 288, seed=1)
    assert all(np.array_equal(*pair) for pair in zip(pictures, again, strict=True))
    assert not np.array_equal(pictures[0], made_pictures([cell()], 1, 288, seed=2)[0])


@pytest.mark.parametrize("place", [6, 7])
def test_a_shuffled_cell_keeps_its_colours_and_loses_its_form(place):
    flat = np.zeros((160, 160, 3), np.uint8)
    flat[40:120, 40:120] = (120, 40, 160)
    made = made_pictures([flat], 8, 160, seed=3)[place]
    assert np.isclose(made.mean(axis=(0, 1)), flat.mean(axis=(0, 1)), atol=1).all()
    assert not np.array_equal(made, flat)
