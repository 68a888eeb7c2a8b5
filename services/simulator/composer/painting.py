"""Light through a film: any window of it, painted from the placements that reach into it."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from services.simulator.composer.defects import box, defocused, of_kind
from services.simulator.composer.glass import Glass
from services.simulator.composer.library import CANONICAL_UM_PER_PX, Cell
from services.simulator.composer.population import Placement
from services.simulator.composer.recipe import Defect, DefectKind, Recipe
from services.simulator.composer.regions import Layout

Pixels = NDArray[np.uint8]

_SOFT_EDGE_UM = 25.0
_STAIN_STEPS = 50
_WHITE = (255, 255, 255)
_QUARTERS = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}
_KEEP = 3000


class Painter:
    """Paints windows of one film. Light of overlapping cells multiplies (Beer–Lambert), so their order is free, and
    windows of the same film fit together whatever their size.
    """

    def __init__(self, recipe: Recipe, layout: Layout, placed: Sequence[Placement]) -> None:
        self._scale = CANONICAL_UM_PER_PX / recipe.um_per_px
        self._um_per_px = recipe.um_per_px
        self._recipe = recipe
        self._placed = sorted(placed, key=lambda one: one.y_um)
        self._top = np.array([one.y_um for one in self._placed]) / recipe.um_per_px
        self._glass = Glass(recipe, layout)
        self._kept: dict[tuple[int, int, float], Pixels] = {}
        self._reach = max((_reach(one, self._scale) for one in self._placed), default=0.0)
        self._stains = [_stain_table(step / _STAIN_STEPS) for step in range(4 * _STAIN_STEPS + 1)]

    def window(self, left: int, top: int, width: int, height: int) -> Pixels:
        """`height` x `width` x 3 uint8 RGB; left and top in pixels of the film."""
        margin = max((self._blur_px(fault) for fault in self._blurs(left, top, width, height)), default=0) * 3
        light = self._light(left - margin, top - margin, width + 2 * margin, height + 2 * margin)
        for fault in self._blurs(left, top, width, height):
            weight = self._weight(fault, left - margin, top - margin, light.shape)
            light = defocused(light, self._blur_px(fault), weight)
        light = np.ascontiguousarray(light[margin : margin + height, margin : margin + width])
        return self._glass.seen_by_sensor(light, left, top)

    def _light(self, left: int, top: int, width: int, height: int) -> Pixels:
        canvas = self._glass.plasma(left, top, width, height)
        first, last = np.searchsorted(self._top, (top - self._reach, top + height + self._reach))
        for one in self._placed[first:last]:
            self._paint(canvas, one, left, top)
        return canvas

    def _paint(self, canvas: Pixels, one: Placement, left: int, top: int) -> None:
        patch = self._patch(one)
        height, width = patch.shape[:2]
        x0 = round(one.x_um / self._um_per_px - left - width / 2)
        y0 = round(one.y_um / self._um_per_px - top - height / 2)
        x1, y1 = max(x0, 0), max(y0, 0)
        x2, y2 = min(x0 + width, canvas.shape[1]), min(y0 + height, canvas.shape[0])
        if x1 < x2 and y1 < y2:
            part = canvas[y1:y2, x1:x2]
            cv2.multiply(part, patch[y1 - y0 : y2 - y0, x1 - x0 : x2 - x0], dst=part, scale=1 / 255)

    def _patch(self, one: Placement) -> Pixels:
        light = self._tilted(one)
        if one.mirrored:
            light = cv2.flip(light, 1)
        if one.quarters:
            light = cv2.rotate(light, _QUARTERS[one.quarters])
        if one.stain != 1.0:
            light = cv2.LUT(light, self._stains[min(round(one.stain * _STAIN_STEPS), len(self._stains) - 1)])
        return light

    def _tilted(self, one: Placement) -> Pixels:
        """Interpolation is most of the work of a film: cut-outs recur, so the last few thousand tilted are kept."""
        key = (id(one.cell), one.tilt, one.scale)
        found = self._kept.pop(key, None)
        if found is None:
            found = _tilt(one, self._scale)
            if len(self._kept) >= _KEEP:
                del self._kept[next(iter(self._kept))]
        self._kept[key] = found
        return found

    def _blur_px(self, fault: Defect) -> int:
        return max(1, round(fault.effective / self._um_per_px))

    def _blurs(self, left: int, top: int, width: int, height: int) -> list[Defect]:
        return [
            fault
            for fault in of_kind(self._recipe, DefectKind.DEFOCUS)
            if _overlaps([side / self._um_per_px for side in box(fault, self._recipe)], left, top, width, height)
        ]

    def _weight(self, fault: Defect, left: int, top: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """1 well inside a defect, fading to 0 at its border; a border of the picture itself does not fade."""
        x0, y0, x1, y1 = box(fault, self._recipe)
        x = _fade((np.arange(shape[1]) + left) * self._um_per_px, x0, x1, self._recipe.width_um)
        y = _fade((np.arange(shape[0]) + top) * self._um_per_px, y0, y1, self._recipe.height_um)
        return np.asarray(np.minimum.outer(y, x), np.float32)


def _tilt(one: Placement, scale: float) -> Pixels:
    light, left_to_scale = _at_scale(one.cell, scale)
    matrix = one.tilted * left_to_scale
    height, width = light.shape[:2]
    extent = np.abs(matrix) @ (width, height)
    size = np.ceil(extent).astype(int) + 2
    shift = (size - 1) / 2 - matrix @ ((width - 1) / 2, (height - 1) / 2)
    turn = np.column_stack([matrix, shift])
    patch = cv2.warpAffine(light, turn, tuple(size.tolist()), flags=cv2.INTER_CUBIC, borderValue=_WHITE)
    return np.asarray(patch, np.uint8)


def _at_scale(cell: Cell, scale: float) -> tuple[Pixels, float]:
    """A cut-out near the film's scale, shrunk by area where pixels would be skipped, and what is left to scale."""
    if scale > 0.75:
        return cell.light, scale
    height, width = cell.light.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(cell.light, size, interpolation=cv2.INTER_AREA), np.uint8), 1.0


def _reach(one: Placement, scale: float) -> float:
    return float(np.hypot(*one.cell.light.shape[:2])) * one.scale * scale / 2 + 3


def _stain_table(share: float) -> Pixels:
    return np.rint(255 * (np.arange(256) / 255) ** share).astype(np.uint8)


def _overlaps(sides: Sequence[float], left: int, top: int, width: int, height: int) -> bool:
    x0, y0, x1, y1 = sides
    return x0 < left + width and left < x1 and y0 < top + height and top < y1


def _fade(at: NDArray[np.floating], start: float, end: float, limit: float) -> NDArray[np.floating]:
    rise = np.ones_like(at) if start <= 0 else (at - start) / _SOFT_EDGE_UM
    fall = np.ones_like(at) if end >= limit else (end - at) / _SOFT_EDGE_UM
    return np.clip(np.minimum(rise, fall), 0, 1)
