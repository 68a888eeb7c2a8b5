import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingestion.film.estimation import estimate, looks_like_film
from services.ingestion.film.stain import LAYER, NUCLEUS, Stain
from services.simulator.composer.recipe import DefectKind
from tests.unit.ingestion.film.films import field
from tests.unit.ingestion.film.memory_slide import MemorySlide

RED = np.array([0.10, 0.20, 0.12], np.float32)
PURPLE = np.array([0.45, 0.90, 0.20], np.float32)
SCATTER = np.diag([2e-4, 2e-4, 3e-4]).astype(np.float32)


def stain(white=(240, 238, 236)):
    return Stain(np.array(white, np.float32), RED, PURPLE, SCATTER, nuclei_seen=True)


def painted(density, white=(240, 238, 236)):
    return np.full((4, 4, 3), np.rint(np.array(white) * 10.0 ** -np.asarray(density)), np.uint8)


def patches(image):
    coarse = MemorySlide(image)
    return coarse.read_region(0, 0, coarse.levels[2].width, coarse.levels[2].height, 2)[None, ::2, ::2]


@given(st.floats(0.5, 3.0))
def test_red_cells_in_any_number_of_layers_hold_no_nuclear_stain(layers):
    separated = stain().separate(painted(layers * RED))
    assert separated.layers[0, 0] == pytest.approx(layers * LAYER, abs=0.12 * LAYER)
    assert separated.nuclear.max() <= 0.1 * NUCLEUS


def test_a_nucleus_counts_one_and_is_no_red_cell():
    separated = stain().separate(painted(PURPLE))
    assert separated.nuclear[0, 0] == pytest.approx(NUCLEUS, rel=0.05)
    assert separated.layers[0, 0] <= 0.3 * LAYER


def test_bare_glass_is_neither():
    separated = stain().separate(painted(np.zeros(3)))
    assert separated.layers.max() == 0
    assert separated.nuclear.max() == 0


@given(st.tuples(*[st.floats(0.6, 1.0)] * 3))
def test_the_white_balance_does_not_change_the_stain(gains):
    plain = patches(field().image)
    tinted = np.rint(plain * np.array(gains)).astype(np.uint8)
    before, after = estimate(plain, None), estimate(tinted, None)
    assert before.nuclei_seen
    assert after.nuclei_seen
    np.testing.assert_allclose(after.erythrocyte, before.erythrocyte, atol=0.02)
    np.testing.assert_allclose(after.nucleus, before.nucleus, atol=0.06)


def test_nuclei_stand_out_of_red_cells_by_far():
    sample = patches(field().image)
    nuclear = estimate(sample, None).separate(sample[0]).nuclear
    assert np.percentile(nuclear, 90) < 0.15 * NUCLEUS
    assert nuclear.max() > 0.8 * NUCLEUS


def test_the_fill_of_tiles_that_are_left_out_does_not_set_the_white():
    sample = np.rint(patches(field().image) * 0.8).astype(np.uint8)
    half_empty = sample.copy()
    half_empty[:, :, sample.shape[2] // 2 :] = 255
    np.testing.assert_allclose(estimate(half_empty, (255, 255, 255)).white, estimate(sample, None).white, atol=3)


def test_glass_has_no_stain_and_no_film():
    glass = np.random.default_rng(1).normal(235, 1.5, (2, 128, 128, 3)).astype(np.uint8)
    assert estimate(glass, None) is None
    assert not looks_like_film(glass, None)


def test_blood_without_stain_is_film_all_the_same():
    sample = patches(field(4, DefectKind.UNSTAINED).image)
    assert estimate(sample, None) is None
    assert looks_like_film(sample, None)
