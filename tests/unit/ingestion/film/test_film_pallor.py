from functools import cache

import numpy as np
import pytest

from services.ingestion.film import map_film, summarise
from services.ingestion.film.pallor import nearest
from services.simulator.composer import Defect, DefectKind, Recipe, Rect, compose_film
from tests.unit.ingestion.film.films import mapped
from tests.unit.ingestion.film.memory_slide import MemorySlide


@cache
def half_pale(strength):
    pale = Defect(DefectKind.PALE, Rect(0.0, 0.0, 1.0, 0.5), strength)
    recipe = Recipe(width_px=6000, height_px=4000, seed=11, clumps=0, defects=(pale,))
    return map_film(MemorySlide(compose_film(recipe).image))


@pytest.mark.parametrize("strength", [0.3, 0.45])
def test_the_half_that_is_stained_faintly_is_told(strength):
    film = half_pale(strength)
    upper, lower = np.array_split(film.faint > 0, 2)
    thin_above, thin_below = np.array_split(film.thin, 2)
    assert np.mean(upper[thin_above]) > 0.6
    assert np.mean(lower[thin_below]) < 0.1
    assert 0.3 < summarise(film).pale < 0.6


def test_a_film_of_even_stain_is_nowhere_pale_not_even_beside_a_blurred_band():
    assert summarise(mapped()).pale == 0


def test_a_cell_belongs_to_the_nearest_patch():
    assert nearest((2, 4), [(1.0, 1.0), (3.0, 1.0)]).tolist() == [[0, 0, 1, 1]] * 2
