"""Composed films and their maps, made once per process; and film maps drawn by hand."""

from functools import cache

import numpy as np

from services.ingestion.film import FilmMap, Part, map_film
from services.ingestion.film.nuclei import Nuclei, gathered
from services.ingestion.film.stain import LAYER, Stain
from services.simulator.composer.film import Film, compose_field, compose_film
from services.simulator.composer.recipe import Defect, DefectKind, FieldRecipe, Recipe, Rect
from tests.unit.ingestion.film.memory_slide import MemorySlide

CELL_UM = 8.768


@cache
def film() -> Film:
    """8000 x 5000 px with all parts, a blurred band across the monolayer, and an uneven white."""
    blurred = Defect(DefectKind.DEFOCUS, Rect(0.5, 0.0, 0.62, 1.0), 3.0)
    return compose_film(Recipe(width_px=8000, height_px=5000, seed=5, glass_rgb=(225, 238, 246), defects=(blurred,)))


@cache
def mapped() -> FilmMap:
    return map_film(MemorySlide(film().image, background=(255, 255, 255)))


@cache
def field(seed: int = 3, *defects: DefectKind) -> Film:
    return compose_field(FieldRecipe(seed=seed, defects=tuple(Defect(kind) for kind in defects)))


def drawn(parts, *, nuclei=(), unfocused=None, pale=None, missing=None, absent=None, grains=None, cover=0.45):
    """A film map from an array of `Part` values; nuclei are (x_um, y_um, score)."""
    parts = np.asarray(parts, np.uint8)
    covered = parts != Part.BARE

    def mask(where, yes, no):
        return np.where(np.zeros(parts.shape, bool) if where is None else where, yes, no).astype(np.uint8)

    rows = [Nuclei(*(np.array([value], np.float32) for value in (x, y, 60.0, 0.8, score))) for x, y, score in nuclei]
    colours = Stain(
        np.full(3, 240, np.float32),
        np.array([0.08, 0.14, 0.09], np.float32),
        np.array([0.4, 0.9, 0.2], np.float32),
        np.eye(3, dtype=np.float32) * 1e-4,
        nuclei_seen=True,
    )
    return FilmMap(
        width_um=parts.shape[1] * CELL_UM,
        height_um=parts.shape[0] * CELL_UM,
        cell_um=CELL_UM,
        parts=parts,
        cover=np.where(covered, round(cover * 255), 0).astype(np.uint8),
        grains=mask(grains, 255, 0),
        stain=mask(pale, LAYER // 4, LAYER),
        blur=mask(unfocused, 200, 15),
        missing=mask(missing, 1, 0),
        absent=mask(absent, 1, 0),
        damaged=np.zeros(parts.shape, np.uint8),
        faint=np.zeros(parts.shape, np.uint8),
        nuclei=gathered(rows),
        colours=colours,
        missing_tiles=0,
    )
