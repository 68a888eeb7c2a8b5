"""The focus of a film: pooled over the raster, and confirmed on full-resolution patches.

At 1 µm/px only a blur of more than a micrometre shows. Every half millimetre of the film a patch of the scan itself is
looked at, since what the objective left out of focus by less already hides chromatin and granules.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from services.ingestion.film.film_map import BLUR_STEPS_PER_UM
from services.ingestion.film.focus import blur_px, edges
from services.ingestion.film.measuring import CellMaps
from services.ingestion.film.stain import Floats, Pixels
from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.slide import Slide

_POOL_CELLS = 7
_STEP_UM = 500.0
_MOST_PATCHES = 160
_PATCH_PX = 384
_NOISE_BLUR_PX = 1.0


@dataclass(frozen=True, slots=True)
class _Square:
    """A part of the map, in cells, and the place in it (cells) where edges are strongest."""

    rows: slice
    columns: slice
    row: int
    column: int


def blur_map(cells: CellMaps, film: NDArray[np.bool_], cell_um: float, slide: Slide, pool: Executor) -> Pixels:
    """Width of cell edges in 1/64 µm per map cell; the greater of what raster and patch say.

    Raises:
        SlideError: the scan cannot be read any more; damaged patches are left out.
    """
    sharp, softened = (np.where(film, energy, 0).astype(np.float32) for energy in (cells.sharp, cells.softened))
    raster_um = blur_px(_pooled(sharp), _pooled(softened)) * np.float32(cell_um / 8)
    squares = list(_squares(_pooled(sharp), film, cell_um))
    found = pool.map(lambda square: _patch_blur_um(slide, square, cell_um), squares)
    for square, blur_um in zip(squares, found, strict=True):
        if blur_um is not None:
            part = raster_um[square.rows, square.columns]
            np.maximum(part, blur_um, out=part)
    return np.asarray(np.clip(np.rint(raster_um * BLUR_STEPS_PER_UM), 0, 255), np.uint8)


def _squares(sharp: Floats, film: NDArray[np.bool_], cell_um: float) -> Iterator[_Square]:
    area_um2 = np.count_nonzero(film) * cell_um**2
    step = max(1, round(max(_STEP_UM, (area_um2 / _MOST_PATCHES) ** 0.5) / cell_um))
    for top in range(0, film.shape[0], step):
        for left in range(0, film.shape[1], step):
            rows, columns = slice(top, top + step), slice(left, left + step)
            if film[rows, columns].any():
                strongest = np.where(film[rows, columns], sharp[rows, columns], -1)
                row, column = np.unravel_index(int(np.argmax(strongest)), strongest.shape)
                yield _Square(rows, columns, top + int(row), left + int(column))


def _patch_blur_um(slide: Slide, square: _Square, cell_um: float) -> float | None:
    x = _inside((square.column + 0.5) * cell_um / slide.um_per_px, slide.width)
    y = _inside((square.row + 0.5) * cell_um / slide.um_per_px, slide.height)
    try:
        patch = slide.read_region(x, y, min(_PATCH_PX, slide.width), min(_PATCH_PX, slide.height))
    except SlideDamaged:
        return None
    green = cv2.GaussianBlur(np.ascontiguousarray(patch[..., 1]), (0, 0), _NOISE_BLUR_PX)
    energy = edges(np.asarray(green, np.uint8))
    return (
        float(blur_px(*(np.mean(part, keepdims=True) for part in (energy.sharp, energy.softened)))[0, 0])
        * slide.um_per_px
    )


def _inside(centre: float, length: int) -> int:
    """Where a patch starts: the border of the scan would be the sharpest edge in it."""
    return max(0, min(round(centre - _PATCH_PX / 2), length - _PATCH_PX))


def _pooled(values: Floats) -> Floats:
    return np.asarray(cv2.blur(values, (_POOL_CELLS, _POOL_CELLS)), np.float32)
