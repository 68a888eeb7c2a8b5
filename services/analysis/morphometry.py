"""Red cells measured, not guessed: size, shape and central pallor of a cell that stands alone.

A cell is what absorbs more green light than halfway between glass and itself (haemoglobin absorbs green; Otsu's
threshold finds the halfway). Areas are counted pixels. A digital outline is longer than the true one: lengths take
Kulpa's factor (1977), and half a pixel more of radius, as outlines run through the centres of the border pixels.
"""

from dataclasses import dataclass
from math import exp, log, pi, sqrt

import cv2
import numpy as np
import numpy.typing as npt

from services.analysis.cells import Detection, Morphometry
from services.analysis.pixels import CANONICAL_UM_PER_PX, Rgb

# How much wider than its box the looked-at square is: glass around the cell tells where it ends.
_AROUND = 1.3
_KULPA = 0.948
# Optical density in green between glass and cell, below which there is no cell to measure.
_FAINT = 0.04
# Radius of the centre, and from where to where the rim reaches inwards, in parts of the greatest depth.
_CENTRE, _RIM = 0.25, (0.25, 0.6)
# How much paler than the rim a centre must be to be pale at all.
_PALER = 0.12
_ROUGHEST = 0.4
Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Outline:
    contour: npt.NDArray[np.int32]
    mask: Mask


def window_of(detection: Detection) -> int:
    """Side, in pixels, of the square around a red cell that `measure` wants."""
    return round(max(detection.box.width, detection.box.height) * _AROUND)


def measure(window: Rgb) -> Morphometry | None:
    """The red cell in the middle of a square at canonical resolution.

    None where it touches another or the square's border, or cannot be told from the glass.
    """
    green = np.asarray(cv2.blur(np.ascontiguousarray(window[..., 1]), (3, 3)), np.uint8)
    level, dark = cv2.threshold(green, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    outline = _alone(np.asarray(dark, np.uint8))
    if outline is None or not _stands_out(green, outline.mask, level):
        return None
    return _measured(green, outline)


def _alone(dark: Mask) -> _Outline | None:
    """The part that holds the middle, its holes filled; None where it reaches the window's border."""
    side = dark.shape[0]
    contours, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    middle = (side / 2, side / 2)
    for contour in contours:
        if cv2.pointPolygonTest(contour, middle, measureDist=False) < 0:
            continue
        left, top, width, height = cv2.boundingRect(contour)
        if left == 0 or top == 0 or left + width >= side or top + height >= side:
            return None
        mask = np.zeros_like(dark)
        cv2.drawContours(mask, [contour], -1, 255, cv2.FILLED)
        return _Outline(np.asarray(contour, np.int32), mask)
    return None


def _stands_out(green: npt.NDArray[np.uint8], mask: Mask, level: float) -> bool:
    glass = cv2.mean(green, cv2.bitwise_not(mask))[0]
    return _density(level, glass) >= _FAINT


def _measured(green: npt.NDArray[np.uint8], outline: _Outline) -> Morphometry | None:
    area = float(cv2.countNonZero(outline.mask))
    perimeter = _KULPA * cv2.arcLength(outline.contour, closed=True) + pi
    circularity = min(4 * pi * area / perimeter**2, 1.0)
    if circularity < _ROUGHEST:
        # Two cells that touch, or dirt: no red cell of any class is so far from round.
        return None
    return Morphometry(
        diameter_um=2 * sqrt(area / pi) * CANONICAL_UM_PER_PX,
        area_um2=area * CANONICAL_UM_PER_PX**2,
        circularity=circularity,
        elongation=_elongation(outline.mask),
        central_pallor=_pallor(green, outline.mask, area),
    )


def _elongation(mask: Mask) -> float:
    """Long by short axis of the ellipse with the same second moments."""
    moments = cv2.moments(mask, binaryImage=True)
    # A pixel is a square and not a point: a twelfth more of variance each way.
    xx, yy = (moments[name] / moments["m00"] + 1 / 12 for name in ("mu20", "mu02"))
    xy = moments["mu11"] / moments["m00"]
    half, apart = (xx + yy) / 2, sqrt(((xx - yy) / 2) ** 2 + xy**2)
    return sqrt((half + apart) / (half - apart))


def _pallor(green: npt.NDArray[np.uint8], mask: Mask, area: float) -> float:
    """Diameter of what is paler than halfway between centre and rim, around the centre, as a share of the cell's."""
    inward = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    deepest = float(inward.max())
    glass = cv2.mean(green, cv2.bitwise_not(mask))[0]
    centre = cv2.mean(green, _between(inward, (1 - _CENTRE) * deepest, deepest))[0]
    rim = cv2.mean(green, _between(inward, _RIM[0] * deepest, _RIM[1] * deepest))[0]
    at_centre, at_rim = _density(centre, glass), _density(rim, glass)
    if at_centre >= (1 - _PALER) * at_rim:
        return 0.0
    halfway = glass * exp(-(at_centre + at_rim) / 2)
    pale = np.where(mask > 0, green > halfway, 0).astype(np.uint8)
    pale[inward <= _RIM[0] * deepest] = 0
    _, parts = cv2.connectedComponents(pale, connectivity=4)
    where = np.unravel_index(int(np.argmax(inward)), inward.shape)
    around = parts[where]
    return sqrt(float(np.count_nonzero(parts == around)) / area) if around else 0.0


def _between(inward: npt.NDArray[np.float32], low: float, high: float) -> Mask:
    return np.asarray(cv2.inRange(inward, low, high), np.uint8)


def _density(light: float, glass: float) -> float:
    return log((glass + 1) / (light + 1))
