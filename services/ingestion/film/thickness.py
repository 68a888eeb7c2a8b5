"""Parts of a film: bare glass, thick, monolayer, feathered edge.

Red cells lie on top of each other where a film is thick, side by side in the monolayer, and apart where it runs out.
"""

from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from services.ingestion.film.measuring import CellMaps
from services.ingestion.film.stain import Pixels

THICK_OVERLAP = 0.10
"""Share of the stained area that lies under more than one red cell, from which a film is too thick to read cells."""

CROWDED = 0.88
"""Cover from which no gaps are left between the cells, whatever their overlap measures."""

FEATHERED_COVER = 0.36
"""Cover below which cells lie apart on a film of normal red-cell count …"""

FEATHERED_SHARE = 0.72
"""… and on an anaemic one, the share of the cover that the film reaches elsewhere without being thick."""

SPARSEST_MONOLAYER = 0.12
"""Cover below which no part of any film counts as monolayer."""

_FILM_COVER = 0.03
_POOL_UM = 110.0
_SPECK_UM = 45.0
_GAP_UM = 40.0


class Part(IntEnum):
    """What a map cell is; the values are those of `FilmMap.parts`."""

    BARE = 0
    THICK = 1
    MONOLAYER = 2
    FEATHERED = 3


def parts(cells: CellMaps, cell_um: float) -> NDArray[np.uint8]:
    """The `Part` of every map cell of side `cell_um`."""
    film = _film(cells.cover, cell_um)
    pool = _odd(_POOL_UM / cell_um)
    reach = _pooled(film * np.uint8(255), pool)
    density = _share(_pooled(cells.cover * film, pool), reach)
    overlap = _share(_pooled(cells.overlap * film, pool), reach)
    thick = film & ((overlap > THICK_OVERLAP * density) | (density > CROWDED * 255))
    thin = film & ~thick
    feathered = thin & (density < 255 * feathered_cover(density[thin]))
    found = np.where(film, np.uint8(Part.MONOLAYER), np.uint8(Part.BARE))
    found[thick] = Part.THICK
    found[feathered] = Part.FEATHERED
    return found


def feathered_cover(thin: Pixels) -> float:
    """Cover (0–1) below which a film counts as feathered, from the cover (0–255) of all parts that are
    not thick.
    """
    if not thin.size:
        return FEATHERED_COVER
    usual = FEATHERED_SHARE * float(np.percentile(thin, 75)) / 255
    return float(np.clip(usual, SPARSEST_MONOLAYER, FEATHERED_COVER))


def _film(cover: Pixels, cell_um: float) -> NDArray[np.bool_]:
    """Where blood lies, gaps between the cells included and single specks on the glass left out."""
    speck, gap = _odd(_SPECK_UM / cell_um), _odd(_GAP_UM / cell_um)
    stained = (_pooled(cover, speck) > _FILM_COVER * 255).view(np.uint8)
    bordered = cv2.copyMakeBorder(stained, gap, gap, gap, gap, cv2.BORDER_CONSTANT, value=0)
    joined = _morphed(cv2.MORPH_CLOSE, bordered, gap)[gap:-gap, gap:-gap]
    # Pooling has widened the film by half a window on all sides; opening drops single specks on the glass.
    return _morphed(cv2.MORPH_OPEN, _morphed(cv2.MORPH_ERODE, joined, speck), speck) > 0


def _morphed(operation: int, mask: Pixels, side: int) -> Pixels:
    return np.asarray(cv2.morphologyEx(mask, operation, _disc(side), borderType=cv2.BORDER_REPLICATE), np.uint8)


def _pooled(values: Pixels, side: int) -> Pixels:
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REPLICATE), np.uint8)


def _share(part: Pixels, whole: Pixels) -> Pixels:
    """Part of the whole, 0–255."""
    return np.asarray(cv2.divide(part, whole, scale=255), np.uint8)


def _disc(side: int) -> Pixels:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _odd(cells: float) -> int:
    return 2 * max(1, round(cells / 2)) + 1
