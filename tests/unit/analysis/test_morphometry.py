import math
from dataclasses import asdict

import cv2
import numpy as np
import pytest

from services.analysis.cells import Box, Detection, Kind, Placement
from services.analysis.morphometry import measure, window_of
from services.analysis.pixels import CANONICAL_UM_PER_PX
from services.analysis.tiles import TilePixels

GLASS, HAEMOGLOBIN, PALE = (232, 228, 234), (205, 135, 155), (228, 205, 212)
FINER = 8


def painted(paint, side=80, blur=1.0, noise=2.0):
    """A square of glass with what `paint` draws on it eight times finer, blurred as by a lens."""
    fine = np.full((side * FINER, side * FINER, 3), GLASS, np.uint8)
    paint(fine)
    image = cv2.GaussianBlur(cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA), (0, 0), blur)
    return np.clip(image + np.random.default_rng(1).normal(0, noise, image.shape), 0, 255).astype(np.uint8)


def ellipse(long, short, *, pallor=0.0, at=(40.0, 40.0), degrees=30, colour=HAEMOGLOBIN):
    def paint(fine):
        middle = tuple(round(FINER * x) for x in at)
        cv2.ellipse(fine, middle, (round(long * FINER), round(short * FINER)), degrees, 0, 360, colour, -1)
        if pallor:
            inner = (round(long * pallor * FINER), round(short * pallor * FINER))
            cv2.ellipse(fine, middle, inner, degrees, 0, 360, PALE, -1)

    return paint


@pytest.mark.parametrize(("long", "short"), [(27, 27), (20, 20), (33, 33), (30, 20), (34, 15), (14, 14)])
@pytest.mark.parametrize("blur", [0.6, 1.4])
def test_size_and_shape_are_those_of_what_was_drawn(long, short, blur):
    found = measure(painted(ellipse(long, short), blur=blur))
    true_um = 2 * math.sqrt(long * short) * CANONICAL_UM_PER_PX
    assert found.diameter_um == pytest.approx(true_um, rel=0.02)
    assert found.area_um2 == pytest.approx(math.pi * true_um**2 / 4, rel=0.04)
    assert found.elongation == pytest.approx(long / short, rel=0.03)


def test_a_circle_is_circular_and_an_ellipse_less_so():
    # Ramanujan's perimeter of an ellipse.
    h = ((34 - 15) / (34 + 15)) ** 2
    perimeter = math.pi * (34 + 15) * (1 + 3 * h / (10 + math.sqrt(4 - 3 * h)))
    assert measure(painted(ellipse(27, 27))).circularity == pytest.approx(1, abs=0.03)
    expected = 4 * math.pi * (math.pi * 34 * 15) / perimeter**2
    assert measure(painted(ellipse(34, 15))).circularity == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("pallor", [0.0, 0.3, 0.45, 0.6])
def test_central_pallor_is_a_share_of_the_diameter(pallor):
    assert measure(painted(ellipse(27, 27, pallor=pallor))).central_pallor == pytest.approx(pallor, abs=0.03)


def test_a_cell_beside_another_is_measured_alone_and_one_that_touches_it_is_not():
    beside, touching = (ellipse(20, 20, at=(40 + gap, 40)) for gap in (46, 38))
    alone = asdict(measure(painted(ellipse(20, 20))))
    both = measure(painted(lambda fine: (ellipse(20, 20)(fine), beside(fine))))
    assert asdict(both) == pytest.approx(alone, rel=0.02)
    assert measure(painted(lambda fine: (ellipse(20, 20)(fine), touching(fine)))) is None


def test_nothing_is_measured_where_there_is_nothing_to_see_or_the_cell_is_cut_off():
    assert measure(painted(lambda _: None)) is None
    assert measure(painted(ellipse(20, 20, colour=(229, 224, 231)))) is None
    assert measure(painted(ellipse(30, 30, at=(40, 12)))) is None


def test_only_the_red_cells_that_a_tile_is_read_for_are_measured(reader, spots):
    cells = [(Kind.ERYTHROCYTE, 300, 300, 27), (Kind.LEUKOCYTE, 600, 300, 50), (Kind.ERYTHROCYTE, 300, 700, 20)]
    image = spots(1152, 1152, cells)

    def read(*kinds):
        whole, core = Placement(0, 0, 1, 1), Box(64, 64, 1024, 1024)
        (found,) = reader.read([TilePixels(image, whole, core, frozenset(kinds))])
        return sorted((cell.measured for cell in found if cell.measured), key=lambda one: one.diameter_um)

    small, large = read(Kind.ERYTHROCYTE)
    assert small.diameter_um == pytest.approx(41 * CANONICAL_UM_PER_PX, rel=0.03)
    assert large.diameter_um == pytest.approx(55 * CANONICAL_UM_PER_PX, rel=0.03)
    assert read(Kind.LEUKOCYTE) == []


def test_the_window_leaves_room_for_glass_around_the_cell():
    assert window_of(Detection(Kind.ERYTHROCYTE, Box(10, 10, 40, 60), 0.9)) == 78
