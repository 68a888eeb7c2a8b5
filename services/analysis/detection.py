"""From tiles to the cells that lie in their cores."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.analysis.cards import DetectorCard
from services.analysis.cells import Box, Detection, Kind
from services.analysis.runtime import ModelRuntime
from services.analysis.tiles import TilePixels, owned

_SCORE, _KIND = 4, 5
_ONE_CELL = 0.8
"""Intersection over union from which boxes of two kinds are of one cell; a platelet on a red cell has less."""


class Detector:
    """The detector model behind a runtime."""

    def __init__(self, runtime: ModelRuntime, card: DetectorCard) -> None:
        self.card = card
        self._runtime = runtime
        self._thresholds = np.array([card.score_thresholds[kind] for kind in card.kinds], np.float32)

    def detect(self, tiles: Sequence[TilePixels]) -> list[list[Detection]]:
        """For each tile the cells that belong to it, by falling score; boxes in pixels of the tile."""
        pixels = np.stack([tile.image for tile in tiles])
        found = self._runtime.infer(self.card.name, {self.card.input.name: pixels})["cells"]
        return [self._detections(tile, rows) for tile, rows in zip(tiles, found, strict=True)]

    def _detections(self, tile: TilePixels, rows: npt.NDArray[np.float32]) -> list[Detection]:
        rows = rows[rows[:, _SCORE] > 0]
        rows = rows[rows[:, _SCORE] >= self._thresholds[rows[:, _KIND].astype(np.intp)]]
        centres = rows[:, :2].astype(np.float64)
        rows = rows[owned(tile, centres[:, 0], centres[:, 1])]
        return _distinct([self._detection(row) for row in rows.tolist()])

    def _detection(self, row: list[float]) -> Detection:
        x, y, width, height, score, kind = row
        return Detection(self.card.kinds[int(kind)], Box(x - width / 2, y - height / 2, width, height), score)


def _distinct(detections: list[Detection]) -> list[Detection]:
    """Without those that are a better one over again, given by falling score.

    Of one kind, those on the same pixel: cells are named by kind and pixel. Of two kinds, those with nearly the same
    box: what may be a platelet or a red cell is one cell, and what may be a leukocyte is one, however sure the other
    is: a leukocyte that is lost is missed, and its nucleus would be looked at for parasites.
    """
    detections = sorted(detections, key=lambda detection: detection.kind is not Kind.LEUKOCYTE)
    best: dict[tuple[Kind, int, int], Detection] = {}
    for detection in detections:
        best.setdefault((detection.kind, *pixel(detection)), detection)
    kept = list(best.values())
    kinds = np.array([detection.kind for detection in kept])
    same = _overlaps([detection.box for detection in kept]) >= _ONE_CELL
    same = np.triu(same & (kinds[:, None] != kinds), k=1)
    again = np.zeros(len(kept), bool)
    for better in np.flatnonzero(same.any(axis=1)):
        if not again[better]:
            again |= same[better]
    distinct = [detection for detection, repeated in zip(kept, again.tolist(), strict=True) if not repeated]
    return sorted(distinct, key=lambda detection: -detection.score)


def _overlaps(boxes: Sequence[Box]) -> npt.NDArray[np.float64]:
    """Intersection over union of each of n boxes with each."""
    corners = np.array([(b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes]).reshape(-1, 4)
    low = np.maximum(corners[:, None, :2], corners[None, :, :2])
    high = np.minimum(corners[:, None, 2:], corners[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = np.prod(corners[:, 2:] - corners[:, :2], axis=1)
    return np.asarray(shared / (areas[:, None] + areas[None] - shared))


def pixel(detection: Detection) -> tuple[int, int]:
    """The pixel of the tile that holds the cell's centre."""
    x, y = detection.box.centre
    return int(x), int(y)
