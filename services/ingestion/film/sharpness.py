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

from services.ingestion.film.focus import blur_px, edges, in_steps
from services.ingestion.film.stain import Pixels
from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.slide import Slide

_POOL_CELLS = 7
_STEP_UM = 500.0
_MOST_PATCHES = 160
_PATCH_PX = 384
_NOISE_BLUR_PX = 1.0


@dataclass(frozen=True, slots=True)
class _Square:
    """A part of the map, in cells, and the place in it (cells) that holds most cells."""

    rows: slice
    columns: slice
    row: int
    column: int


def confirmed_blur(
    blur: Pixels, cover: Pixels, film: NDArray[np.bool_], cell_um: float, slide: Slide, pool: Executor
) -> Pixels:
    """The map of blur, in 1/64 µm, raised to what the patch of each part of the film shows.

    Raises:
        SlideError: the scan cannot be read any more; damaged patches are left out.
    """
    squares = list(_squares(np.where(film, cv2.blur(cover, (_POOL_CELLS, _POOL_CELLS)), 0), cell_um))
    confirmed = blur.copy()
    for square, patch in zip(squares, pool.map(lambda at: _patch_blur(slide, at, cell_um), squares), strict=True):
        if patch is not None:
            part = confirmed[square.rows, square.columns]
            np.maximum(part, patch, out=part)
    return confirmed


def _squares(cover: Pixels, cell_um: float) -> Iterator[_Square]:
    """Parts of half a millimetre, larger on a large film, and the best covered place in each that holds blood."""
    area_um2 = np.count_nonzero(cover) * cell_um**2
    step = max(1, round(max(_STEP_UM, (area_um2 / _MOST_PATCHES) ** 0.5) / cell_um))
    for top in range(0, cover.shape[0], step):
        for left in range(0, cover.shape[1], step):
            rows, columns = slice(top, top + step), slice(left, left + step)
            square = cover[rows, columns]
            if square.any():
                row, column = np.unravel_index(int(np.argmax(square)), square.shape)
                yield _Square(rows, columns, top + int(row), left + int(column))


def _patch_blur(slide: Slide, square: _Square, cell_um: float) -> Pixels | None:
    x = _inside((square.column + 0.5) * cell_um / slide.um_per_px, slide.width)
    y = _inside((square.row + 0.5) * cell_um / slide.um_per_px, slide.height)
    try:
        patch = slide.read_region(x, y, min(_PATCH_PX, slide.width), min(_PATCH_PX, slide.height))
    except SlideDamaged:
        return None
    green = cv2.GaussianBlur(np.ascontiguousarray(patch[..., 1]), (0, 0), _NOISE_BLUR_PX)
    energy = edges(np.asarray(green, np.uint8))
    width_px = blur_px(*(np.mean(part, keepdims=True) for part in (energy.sharp, energy.softened)))
    return in_steps(np.asarray(width_px * slide.um_per_px, np.float32))


def _inside(centre: float, length: int) -> int:
    """Where a patch starts: the border of the scan would be the sharpest edge in it."""
    return max(0, min(round(centre - _PATCH_PX / 2), length - _PATCH_PX))
