"""The outline of one cell against glass, and whether it stands alone and is shaped as its kind."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from services.simulator.curation.glass import Floats

Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class Outline:
    """A cell's mask (0/255, of the whole picture) with its shape: diameters in µm, solidity and clearance 0–1."""

    mask: Mask
    diameter_um: float
    elongation: float
    solidity: float
    clearance: float


@dataclass(frozen=True)
class Norm:
    """What a clean cut-out of a kind measures; sizes after Bain, Blood Cells (5th ed.), with room for smearing."""

    least_um: float
    most_um: float
    elongation: float
    solidity: float
    clearance: float = 0.93


_NORMS = {"leukocyte": Norm(7.0, 24.0, 1.7, 0.94, 0.9), "platelet": Norm(1.3, 6.8, 2.2, 0.84, 0.88)}
_ERYTHROBLAST = Norm(5.0, 16.0, 1.6, 0.945)
_ROUND = Norm(4.8, 9.8, 1.45, 0.955)
_RED = {
    "macrocyte": Norm(6.5, 11.5, 1.4, 0.955),
    "microcyte": Norm(3.0, 7.0, 1.5, 0.94, 0.85),
    "spherocyte": Norm(4.0, 8.5, 1.25, 0.96),
    "normal": Norm(5.8, 8.8, 1.25, 0.96),
    "elliptocyte": Norm(4.0, 10.0, 3.2, 0.93),
    "ovalocyte": Norm(4.5, 10.0, 1.9, 0.95),
    "teardrop": Norm(3.2, 10.0, 3.2, 0.80, 0.85),
    "schistocyte": Norm(2.5, 7.5, 3.2, 0.78),
    "burr": Norm(4.5, 9.5, 1.6, 0.85, 0.88),
}

_BRIDGE_UM = {"leukocyte": 0.7}
"""Radius of what is cut as a bridge: platelets cling to leukocytes by wider ones than dirt clings to other cells."""


def norm(kind: str, label: str) -> Norm:
    """The measures a clean cell of this kind and label keeps within."""
    if kind == "erythrocyte":
        return _RED.get(label, _ROUND)
    return _ERYTHROBLAST if label == "erythroblast" else _NORMS[kind]


def foreground(light: Floats, um_per_px: float) -> Mask:
    """Everything that is not glass: absorbs more than the noise in some channel; holes filled, threads cut."""
    smooth = cv2.GaussianBlur(light, (0, 0), 0.12 / um_per_px)
    mask = np.where(smooth.min(axis=2) < 0.925, 255, 0).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(mask, contours, -1, 255, cv2.FILLED)
    return np.asarray(mask, np.uint8)


def outline(mask: Mask, x: float, y: float, um_per_px: float, kind: str) -> Outline | None:
    """The cell of a foreground mask nearest to (x, y), at most 1 µm away; None where there is none or it is cut off."""
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _disc(_BRIDGE_UM.get(kind, 0.3) / um_per_px))
    _, parts = cv2.connectedComponents(opened)
    number = _part_at(parts, x, y, reach=1.0 / um_per_px)
    cell = np.where(parts == number, 255, 0).astype(np.uint8)
    if number == 0 or _touches_border(cell):
        return None
    return _measure(cell, mask, um_per_px)


def is_clean(found: Outline, kind: str, label: str) -> bool:
    """Alone on glass, and of a size and shape that a single cell of this kind has."""
    limits = norm(kind, label)
    return (
        limits.least_um <= found.diameter_um <= limits.most_um
        and found.elongation <= limits.elongation
        and found.solidity >= limits.solidity
        and found.clearance >= limits.clearance
    )


def _measure(cell: Mask, everything: Mask, um_per_px: float) -> Outline:
    contour = max(cv2.findContours(cell, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=cv2.contourArea)
    area = max(float(cv2.contourArea(contour)), 1.0)
    (_, _), (one, other), _ = cv2.minAreaRect(contour)
    ring = (cv2.dilate(cell, _disc(0.8 / um_per_px)) > 0) & (cv2.dilate(cell, _disc(0.25 / um_per_px)) == 0)
    return Outline(
        mask=cell,
        diameter_um=2 * np.sqrt(area / np.pi) * um_per_px,
        elongation=max(one, other) / max(min(one, other), 1.0),
        solidity=area / max(float(cv2.contourArea(cv2.convexHull(contour))), 1.0),
        clearance=1.0 - float(np.mean(everything[ring] > 0)),
    )


def _part_at(parts: NDArray[np.int32], x: float, y: float, reach: float) -> int:
    r = max(1, round(reach))
    top, left = max(0, round(y) - r), max(0, round(x) - r)
    near = parts[top : round(y) + r + 1, left : round(x) + r + 1]
    yy, xx = np.nonzero(near)
    if not yy.size:
        return 0
    nearest = int(np.argmin((yy + top - y) ** 2 + (xx + left - x) ** 2))
    return int(near[yy[nearest], xx[nearest]])


def _touches_border(cell: Mask) -> bool:
    edge = 4
    inner = cell[edge:-edge, edge:-edge]
    return bool(np.count_nonzero(cell) != np.count_nonzero(inner))


def _disc(radius: float) -> Mask:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
