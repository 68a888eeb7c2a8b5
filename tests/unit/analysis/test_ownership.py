from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.cells import Box, Placement
from services.analysis.grid import spans
from services.analysis.pixels import CANONICAL_UM_PER_PX, TILE_CORE
from services.analysis.tiles import TilePixels, owned

UM = CANONICAL_UM_PER_PX
PIXEL = np.zeros((1, 1, 3), np.uint8)


def tile(column, row, origin):
    """A tile of a regular grid on a slide; its pixels are placed one to one, so that places are given in µm."""
    side = TILE_CORE * UM
    core = Box(origin + column * side, origin + row * side, side, side)
    return TilePixels(PIXEL, Placement(0, 0, 1, 1), core, frozenset())


places = st.one_of(st.floats(0, 0.999), st.sampled_from([0.0, 1 / 3, 2 / 3])).map(
    lambda part: 3 * TILE_CORE * UM * part
)


@given(x=places, y=places, origin=st.floats(0, 50_000))
def test_every_place_belongs_to_exactly_one_of_the_tiles_around_it(x, y, origin):
    origin = round(origin, 6)
    tiles = [tile(column, row, origin) for column in range(-1, 4) for row in range(-1, 4)]
    assert sum(bool(owned(one, np.array([origin + x]), np.array([origin + y]))[0]) for one in tiles) == 1


def test_the_core_holds_its_left_and_upper_edges_only():
    one = TilePixels(PIXEL, Placement(-64, -64, 1, 1), Box(0, 0, 1024, 1024), frozenset())
    x = np.array([64, 64, 1088, 64, 1087.999, 63.999])
    y = np.array([64, 1087.999, 64, 1088, 1087.999, 64])
    assert owned(one, x, y).tolist() == [True, True, False, False, True, False]


@given(length=st.integers(1, 40_000), um_per_px=st.floats(0.03, 0.9))
def test_the_cores_of_a_picture_tile_it_without_gap_or_overlap(length, um_per_px):
    found = spans(length, um_per_px)
    assert found[0].low == 0
    assert found[-1].high == length
    assert all(first.high == second.low for first, second in pairwise(found))
    assert all(0 <= one.first <= one.low < one.high <= one.past <= length for one in found)
