import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.training.augment import Strength, degrade, place, placement, restain

NONE = Strength(stain=0, tint=0, blur=0, coarsen=0, jpeg=0, noise=0)


def dotted(x: int, y: int) -> np.ndarray:
    image = np.full((80, 100, 3), 230, np.uint8)
    image[y - 2 : y + 3, x - 2 : x + 3] = 20
    return image


@settings(max_examples=25, deadline=None)
@given(
    place_at=st.tuples(st.integers(20, 80), st.integers(20, 60)),
    turn=st.tuples(st.integers(0, 3), st.floats(-45, 45)),
    mirrored=st.booleans(),
    scale=st.floats(0.7, 1.4),
)
def test_the_chosen_place_comes_to_the_middle(place_at, turn, mirrored, scale):
    x, y = place_at
    turns, degrees = turn
    matrix = placement((x + 0.5, y + 0.5), 64, scale=scale, quarter_turns=turns, mirrored=mirrored, degrees=degrees)
    dark = 230 - place(dotted(x, y), matrix, 64)[..., 0].astype(float)
    rows, columns = np.mgrid[0:64, 0:64] + 0.5
    assert (rows * dark).sum() / dark.sum() == pytest.approx(32, abs=0.3)
    assert (columns * dark).sum() / dark.sum() == pytest.approx(32, abs=0.3)


def test_halving_averages_two_by_two_as_the_graph_does():
    image = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    halved = place(image, placement((32, 32), 32, scale=0.5, quarter_turns=0, mirrored=False), 32)
    mean = image.reshape(32, 2, 32, 2, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(halved - mean).max() <= 1


def test_no_strength_changes_nothing():
    image = np.random.default_rng(2).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    rng = np.random.default_rng(0)
    assert np.abs(degrade(restain(image, rng, NONE), rng, NONE).astype(int) - image).max() <= 1


def test_stain_changes_colour_and_leaves_white_white():
    image = np.full((20, 20, 3), 255, np.uint8)
    image[5:15, 5:15] = (150, 90, 170)
    changed = restain(image, np.random.default_rng(1), Strength(stain=0.4, tint=0))
    assert changed[0, 0].tolist() == [255, 255, 255]
    assert np.abs(changed[10, 10].astype(int) - image[10, 10]).max() > 5


def test_every_degradation_keeps_the_form_of_the_picture():
    image = np.random.default_rng(2).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    always = Strength(blur=1, coarsen=1, jpeg=1, noise=1)
    changed = degrade(image, np.random.default_rng(0), always)
    assert (changed.shape, changed.dtype) == (image.shape, np.uint8)
    assert not np.array_equal(changed, image)
