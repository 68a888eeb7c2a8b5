import numpy as np
import pytest

from services.ingestion.film import Part, UnreadableFilm, map_film
from services.simulator.composer import Defect, DefectKind, Recipe, Rect, compose_film
from tests.unit.ingestion.film.memory_slide import MemorySlide

USUAL_RED_OD = 0.10
MANY = {"neutrophil_segmented": 70, "lymphocyte": 36, "monocyte": 8, "eosinophil": 4}


def test_red_cells_that_are_few_are_told_from_the_plasma_between_them():
    recipe = Recipe(width_px=6500, height_px=3600, seed=8, red_cells_per_field=15.0, clumps=0, differential=MANY)
    few = map_film(MemorySlide(compose_film(recipe).image))
    assert few.colours.erythrocyte.mean() == pytest.approx(USUAL_RED_OD, rel=0.1)
    assert np.mean(few.parts[few.covered] == Part.MONOLAYER) > 0.2


def test_nuclei_are_told_from_red_cells_where_they_cover_as_much():
    recipe = Recipe(
        width_px=4500, height_px=3000, seed=902, red_cells_per_field=60.0, clumps=0, differential={"monocyte": 200}
    )
    crowded = map_film(MemorySlide(compose_film(recipe).image))
    assert crowded.colours.erythrocyte.mean() == pytest.approx(USUAL_RED_OD, rel=0.1)
    assert np.mean(crowded.littered[crowded.covered]) < 0.05
    assert np.count_nonzero(crowded.nuclei.score >= 0.5) > 160


def test_blurred_patches_do_not_set_the_colour_of_red_cells():
    blurred = Defect(DefectKind.DEFOCUS, Rect(0.3, 0.0, 0.75, 1.0), 3.0)
    recipe = Recipe(width_px=9000, height_px=4500, seed=504, clumps=0, defects=(blurred,))
    sharp_end = map_film(MemorySlide(compose_film(recipe).image))
    right = sharp_end.parts[:, int(0.8 * sharp_end.parts.shape[1]) :]
    assert np.mean(right[right != Part.BARE] == Part.THICK) < 0.05


def test_nuclei_without_stain_do_not_make_haze_of_red_cells():
    recipe = Recipe(
        width_px=6000,
        height_px=3600,
        seed=4,
        clumps=0,
        red_cells_per_field=45.0,
        differential=MANY,
        defects=(Defect(DefectKind.UNSTAINED),),
    )
    with pytest.raises(UnreadableFilm) as caught:
        map_film(MemorySlide(compose_film(recipe).image))
    assert caught.value.code == "film_unstained"
