"""Cells that are laid on the ground of another laboratory."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from services.training.augment import Strength
from services.training.classes import LEUKOCYTES
from services.training.classifier.cells import Cell, middle, one_of
from services.training.classifier.design import LEUKOCYTE_DESIGN
from services.training.classifier.grounds import on_other_ground
from services.training.classifier.nuclei import reach
from services.training.classifier.views import Company, disturbed

SIDE = 240
UNCHANGED = Strength(stain=0, tint=0, blur=0, jpeg=0, noise=0)
GLASS, OTHER_GLASS = (240, 230, 220), (200, 210, 220)
NUCLEUS, RED = (90, 40, 130), (190, 150, 150)


def picture(glass, discs):
    """Discs are (x, y, radius, colour)."""
    image = np.full((SIDE, SIDE, 3), glass, np.uint8)
    for x, y, radius, colour in discs:
        cv2.circle(image, (x, y), radius, colour, -1)
    return image


NUCLEATED = picture(GLASS, [(120, 120, 40, NUCLEUS), (30, 30, 25, RED)])
GROUND = picture(OTHER_GLASS, [(40, 200, 25, RED)])


@pytest.mark.parametrize("radius", [20, 35, 50])
def test_a_nucleus_reaches_as_far_as_it_is_wide(radius):
    assert reach(picture(GLASS, [(120, 120, radius, NUCLEUS)]), 120.5, 120.5) == pytest.approx(radius, abs=2)


def test_lobes_are_one_nucleus_and_a_red_cell_beside_it_is_not_part_of_it():
    lobed = picture(GLASS, [(105, 120, 14, NUCLEUS), (137, 120, 14, NUCLEUS), (170, 120, 20, RED)])
    assert reach(lobed, 120.5, 120.5) == pytest.approx(31, abs=3)


@pytest.mark.parametrize("discs", [[], [(120, 120, 30, NUCLEUS), (180, 120, 34, NUCLEUS)]])
def test_where_there_is_no_nucleus_or_it_touches_another_nothing_is_told(discs):
    assert reach(picture(GLASS, discs), 120.5, 120.5) is None


def moved(**more):
    return on_other_ground(NUCLEATED, 40.0, GROUND, **{"coarser": 1.0, "rng": np.random.default_rng(1), **more})


def test_a_moved_cell_lies_among_what_was_around_the_other_place():
    image = moved()
    assert image.shape == (SIDE, SIDE, 3)
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == OTHER_GLASS).all()
    assert (image[30, 30] != RED).any()
    assert image[120, 120, 1] < OTHER_GLASS[1] / 2


def test_the_glass_around_a_moved_cell_is_that_of_its_new_place():
    np.testing.assert_allclose(moved()[120, 120 + 45], OTHER_GLASS, atol=3)


def cell(image, allowed, **more):
    return Cell(image, *middle(image), "", one_of(allowed, LEUKOCYTES), "pbc", 0.1, **more)


@pytest.mark.parametrize(("reaching", "share", "may_move"), [(40.0, 1.0, True), (None, 1.0, False), (40.0, 0.0, False)])
def test_only_a_cell_that_stands_alone_is_moved(reaching, share, may_move):
    design = replace(LEUKOCYTE_DESIGN, moved=share, exchanged=0.0, strength=UNCHANGED)
    lone = cell(NUCLEATED, ["blast"], reach=reaching)
    bare = cell(picture((10, 250, 10), []), [], bare=True)
    company = Company.of([lone, bare])
    assert [each is bare for each in company.grounds] == [True]
    corner = np.array([disturbed(lone, design, 128, company, np.random.default_rng(n))[2, 2] for n in range(8)])
    green = (corner[:, 1].astype(int) - corner[:, 0]).min() > 100
    assert green == may_move
