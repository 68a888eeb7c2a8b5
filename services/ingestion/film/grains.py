"""Specks of nuclear colour smaller than a platelet: stain precipitate and dirt.

Platelets (2 to 3 µm) are as dark as nuclei even at 1 µm/px; grains under 1 µm are not, as they fill no pixel. So a
thrombocytosis, however great, is not taken for precipitate.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from services.ingestion.film.stain import NUCLEUS, Pixels

PER_GRAIN = 64
"""Value of one grain in a map cell; a cell counts up to three."""

_FAINTEST, _DARKEST = 0.16, 0.38
"""Peak of a grain against the film's typical nucleus: above the colour noise of red cells, below platelets."""

_CELL_REACH_PX = 9


def grains(nuclear: Pixels, cell_px: int) -> Pixels:
    """Grains per map cell of `cell_px` raster pixels, `PER_GRAIN` each."""
    peak = (nuclear == cv2.dilate(nuclear, np.ones((3, 3), np.uint8))) & (nuclear >= _FAINTEST * NUCLEUS)
    cells = cv2.dilate(_mask(nuclear > _DARKEST * NUCLEUS), np.ones((_CELL_REACH_PX, _CELL_REACH_PX), np.uint8))
    alone = cv2.subtract(_mask(peak), cells)
    size = (nuclear.shape[1] // cell_px, nuclear.shape[0] // cell_px)
    share = cv2.resize(alone, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.multiply(share, np.full_like(share, PER_GRAIN * cell_px**2 // 255)), np.uint8)


def _mask(where: NDArray[np.bool_]) -> Pixels:
    return where.view(np.uint8) * np.uint8(255)
