"""Finds the nucleated cells of a field that is labelled only as a whole, by the purple of their nuclei, and how far one
reaches.
"""

import cv2
import numpy as np
import numpy.typing as npt

from services.analysis.pixels import CANONICAL_UM_PER_PX, Rgb, centred_crop

_LEAST_PURPLE = 25
_LEAST_RADIUS = 5
_GREATEST_RADIUS = 20
_APART = 15
_BORDER = 8
_FARTHEST_UM = 10.0
_LOBES_APART = 9
"""Parts of a nucleus may lie so many pixels apart."""
_PALER = 25
"""A cell so much paler (green, of 255) than the median of its field is taken for a smudge and left out."""


def find_nuclei(image: Rgb) -> list[tuple[float, float]]:
    """Centres (x, y) of nucleated cells 10 to 40 pixels wide, whole in the picture, touching ones apart; largest first.

    Meant for pictures of about 0.2 to 0.4 µm/px.
    """
    purple = _purple(image)
    threshold = max(cv2.threshold(purple, 0, 255, cv2.THRESH_OTSU)[0], _LEAST_PURPLE)
    mask = cv2.morphologyEx((purple > threshold).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    depth = _depth(mask)
    peaks = (depth == cv2.dilate(depth, np.ones((_APART, _APART), np.uint8))) & (depth > _LEAST_RADIUS)
    found = [(float(depth[y, x]), int(x), int(y)) for y, x in np.argwhere(peaks) if _whole(image, depth, x, y)]
    if not found:
        return []
    green = np.array([image[y - 3 : y + 4, x - 3 : x + 4, 1].mean() for _, x, y in found])
    stained = green <= np.median(green) + _PALER
    return [(x + 0.5, y + 0.5) for (_, x, y), kept in sorted(zip(found, stained, strict=True), reverse=True) if kept]


def reach(image: Rgb, x: float, y: float) -> float | None:
    """How far the nucleus at a place reaches from it, in pixels, at canonical resolution.

    None where there is none, and where it touches another or the border.
    """
    side = round(2 * _FARTHEST_UM / CANONICAL_UM_PER_PX)
    purple = _purple(centred_crop(image, x, y, side))
    threshold = max(cv2.threshold(purple, 0, 255, cv2.THRESH_OTSU)[0], _LEAST_PURPLE)
    joined = cv2.dilate((purple > threshold).astype(np.uint8), np.ones((_LOBES_APART, _LOBES_APART), np.uint8))
    labels = cv2.connectedComponents(joined)[1]
    down, across = np.mgrid[:side, :side] - (side - 1) / 2
    away = np.hypot(down, across)
    near = (away <= _LOBES_APART) & (labels > 0)
    if not near.any():
        return None
    own = np.isin(labels, np.unique(labels[near])) & (purple > threshold)
    farthest = float(away[own].max()) if own.any() else side
    return farthest if farthest < side / 2 - 1 else None


def _purple(image: Rgb) -> npt.NDArray[np.uint8]:
    red, green, blue = np.moveaxis(image.astype(np.float32), -1, 0)
    excess = np.clip((red + blue) / 2 - green, 0, 255).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(excess, (0, 0), 1.0), np.uint8)


def _depth(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, 5)
    return np.asarray(cv2.GaussianBlur(distance, (0, 0), 1.5)[1:-1, 1:-1], np.float32)


def _whole(image: Rgb, depth: npt.NDArray[np.float32], x: int, y: int) -> bool:
    height, width = image.shape[:2]
    inside = _BORDER <= x < width - _BORDER and _BORDER <= y < height - _BORDER
    return inside and float(depth[y, x]) < _GREATEST_RADIUS
