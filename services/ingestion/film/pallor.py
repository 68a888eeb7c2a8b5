"""Where a film is stained more faintly than elsewhere.

Colour per covered area does not tell it: where stain is faint, only the darkest cells still count as covered. So red
cells are compared with the plasma beside them, patch by patch, at whatever colour divides the two there.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from services.ingestion.film.sampling import LEAST_STAINED_PX
from services.ingestion.film.stain import NUCLEUS, Floats, Pixels, Stain, optical_density

FAINT = 0.55
"""Contrast of a patch against the film's own, below which it is stained clearly more faintly. Thin parts of composed
films of even stain have 0.76 on, 0.5 where they are crowded with blasts; parts of 0.45 of the stain have 0.39 to 0.5.
"""

_OWN_PERCENTILE = 90
"""Of the patches' contrasts: a film of which nine tenths are faint is faint as a whole, which its nuclei tell."""

_DARKEST_OD = 0.22
"""Sum over the channels at which density is cut: single nuclei, which are darker, must not stand for the cells."""

_LEAST_CONTRAST = 0.02
_LEAST_SHARE, _MOST_SHARE = 0.03, 0.9
_STEPS = 1000
_NUCLEAR = 0.12
_REACH_PX = 9


def faint(patches: Pixels, stain: Stain, thin: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of n x side x side x 3 patches are fainter than the `thin` ones of the film mostly are."""
    density = optical_density(patches.astype(np.float32), stain.white).sum(axis=3)
    pairs = zip(patches, density, strict=True)
    contrasts = np.array([_contrast(dense, _without_nuclei(patch, stain)) for patch, dense in pairs])
    judged = thin & (contrasts > _LEAST_CONTRAST)
    if not judged.any():
        return np.zeros(len(patches), bool)
    return np.asarray(judged & (contrasts < FAINT * np.percentile(contrasts[judged], _OWN_PERCENTILE)))


def nearest(shape: tuple[int, int], centres: Sequence[tuple[float, float]]) -> NDArray[np.intp]:
    """For each cell of a map of this shape, the number of the nearest of the centres (x, y), in cells."""
    row, column = np.indices(shape, np.float32)
    best, found = np.full(shape, np.inf, np.float32), np.zeros(shape, np.intp)
    for number, (x, y) in enumerate(centres):
        distance = np.hypot(column + 0.5 - x, row + 0.5 - y)
        nearer = distance < best
        best[nearer], found[nearer] = distance[nearer], number
    return found


def _without_nuclei(patch: Pixels, stain: Stain) -> NDArray[np.bool_]:
    """Where there are no leukocytes, which would stand for the cells of a patch where stain is faint."""
    nuclear = cv2.blur(stain.separate(patch).nuclear, (5, 5))
    around = np.ones((_REACH_PX, _REACH_PX), np.uint8)
    return np.asarray(cv2.dilate((nuclear > _NUCLEAR * NUCLEUS).astype(np.uint8), around) == 0)


def _contrast(density: Floats, where: NDArray[np.bool_]) -> float:
    """Density (sum over the channels) of a patch's cells above what lies between them; 0 where there is only one."""
    cut = np.minimum(cv2.blur(density, (3, 3)), _DARKEST_OD)[where]
    if cut.size < LEAST_STAINED_PX:
        return 0.0
    steps = np.rint(cut * _STEPS).astype(np.uint8)
    divide, _ = cv2.threshold(steps, 0, 255, cv2.THRESH_OTSU)
    cells = steps > divide
    if not _LEAST_SHARE < np.mean(cells) < _MOST_SHARE:
        return 0.0
    return float(np.median(cut[cells]) - np.median(cut[~cells]))
