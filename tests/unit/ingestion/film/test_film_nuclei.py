import cv2
import numpy as np
import pytest

from services.ingestion.film.grains import PER_GRAIN, grains
from services.ingestion.film.nuclei import candidates, gathered
from services.ingestion.film.stain import NUCLEUS

UM_PER_PX = 1.096


def canvas():
    return np.zeros((96, 96), np.uint8)


def disc(picture, x, y, diameter_um, darkness=0.9):
    radius = diameter_um / UM_PER_PX / 2
    yy, xx = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    inside = np.clip(radius + 0.5 - np.hypot(xx + 0.5 - x, yy + 0.5 - y), 0, 1)
    np.maximum(picture, np.rint(inside * darkness * NUCLEUS).astype(np.uint8), out=picture)
    return picture


def test_a_nucleus_is_found_at_its_place_with_its_size():
    found = candidates(disc(canvas(), 40.0, 52.0, 9.0), UM_PER_PX)
    assert len(found) == 1
    assert found.x_um[0] == pytest.approx(40.0 * UM_PER_PX, abs=0.3)
    assert found.y_um[0] == pytest.approx(52.0 * UM_PER_PX, abs=0.3)
    assert found.area_um2[0] == pytest.approx(np.pi * 4.5**2, rel=0.15)
    assert len(found.probable) == 1


def test_the_lobes_of_a_segmented_nucleus_are_one_cell():
    lobes = canvas()
    for x, y in ((40, 40), (44.9, 41.5), (49, 45)):
        disc(lobes, x, y, 4.6)
    found = candidates(lobes, UM_PER_PX)
    assert len(found) == 1
    assert len(found.probable) == 1


def test_two_cells_apart_are_two():
    assert len(candidates(disc(disc(canvas(), 30, 40, 8), 46, 40, 8), UM_PER_PX).probable) == 2


def test_a_single_platelet_is_no_candidate():
    assert len(candidates(disc(canvas(), 40, 40, 2.5), UM_PER_PX)) == 0


def test_a_giant_platelet_is_kept_as_a_look_alike():
    found = candidates(disc(canvas(), 40, 40, 4.6, darkness=0.65), UM_PER_PX)
    assert len(found.probable) == 0
    assert len(found.lookalikes) == 1


def test_rows_come_in_the_order_of_the_film_however_they_were_gathered():
    one = candidates(disc(canvas(), 60, 20, 8), UM_PER_PX)
    two = candidates(disc(canvas(), 20, 60, 8), UM_PER_PX)
    np.testing.assert_array_equal(gathered([one, two]).x_um, gathered([two, one]).x_um)
    assert len(gathered([])) == 0


def test_grains_are_counted_and_platelets_are_not():
    picture = canvas()
    picture[8:64:8, 8:64:8] = 30
    picture = cv2.GaussianBlur(picture, (0, 0), 0.01)
    assert grains(picture, 8).sum() == 49 * PER_GRAIN
    platelets = canvas()
    for x in range(8, 90, 8):
        disc(platelets, x, 40, 2.6)
    assert grains(platelets, 8).sum() == 0
