from dataclasses import replace

import cv2
import numpy as np
import pytest

from services.ingestion.film import UnreadableFilm, map_film, summarise
from services.ingestion.film.verdict import require_readable
from services.simulator.composer import Defect, DefectKind, Recipe, compose_film
from tests.unit.ingestion.film.films import field, mapped
from tests.unit.ingestion.film.memory_slide import MemorySlide


def refusal(image, um_per_px=0.137):
    with pytest.raises(UnreadableFilm) as caught:
        map_film(MemorySlide(image, um_per_px))
    return caught.value


def test_bare_glass_is_empty():
    glass = np.random.default_rng(1).normal(238, 2, (2000, 2000, 3)).astype(np.uint8)
    error = refusal(glass)
    assert error.code == "film_empty"
    assert "scanned area" in str(error)


def test_specks_on_the_glass_are_no_film():
    glass = np.random.default_rng(1).normal(238, 2, (3000, 3000, 3)).astype(np.uint8)
    for x, y in np.random.default_rng(2).integers(50, 2950, (40, 2)).tolist():
        cv2.circle(glass, (x, y), 25, (120, 60, 140), cv2.FILLED)
    assert refusal(glass).code == "film_empty"


def test_blood_without_stain_is_told_from_empty_glass():
    error = refusal(field(4, DefectKind.UNSTAINED).image)
    assert error.code == "film_unstained"
    assert "Stain the slide" in str(error)


def test_a_whole_film_without_stain_is_unstained_although_it_is_in_focus():
    recipe = Recipe(width_px=6000, height_px=4000, seed=5, clumps=0, defects=(Defect(DefectKind.UNSTAINED),))
    assert refusal(compose_film(recipe).image).code == "film_unstained"


@pytest.mark.parametrize("blur_um", [1.2, 3.0])
def test_a_film_that_is_nowhere_sharp_is_unfocused(blur_um):
    error = refusal(cv2.GaussianBlur(field().image, (0, 0), blur_um / 0.137))
    assert error.code == "film_unfocused"
    assert "in focus" in str(error)


def test_a_scan_through_a_weak_objective_is_too_coarse():
    error = refusal(field().image, um_per_px=0.55)
    assert error.code == "scan_too_coarse"
    assert "0.550" in str(error)


@pytest.mark.parametrize(("width", "height"), [(4_000_000, 4_000_000), (4_000_000, 250_000)])
def test_a_scan_larger_than_glass_is_refused_before_memory_is_taken_for_its_map(width, height):
    slide = MemorySlide(np.full((600, 600, 3), 240, np.uint8))
    slide.width, slide.height = width, height
    with pytest.raises(UnreadableFilm) as caught:
        map_film(slide)
    assert caught.value.code == "scan_oversized"


def test_a_pale_film_is_read():
    assert len(map_film(MemorySlide(field(6, DefectKind.PALE).image)).nuclei.probable) >= 3


def faint_red_cells(nuclei, od):
    return replace(summarise(mapped()), eosin_od=0.02, nuclei=nuclei, hematoxylin_od=od)


def test_a_film_with_stained_nuclei_is_never_called_unstained():
    require_readable(mapped(), faint_red_cells(40, 0.46))


@pytest.mark.parametrize(("nuclei", "od"), [(40, 0.05), (2, 0.46)])
def test_nuclei_without_stain_and_single_specks_do_not_make_a_film_stained(nuclei, od):
    with pytest.raises(UnreadableFilm) as caught:
        require_readable(mapped(), faint_red_cells(nuclei, od))
    assert caught.value.code == "film_unstained"
