"""How well cells are found: matched with the labelled ones by overlap, counted by kind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.analysis.pixels import TILE, TILE_MARGIN, Rgb, region
from services.training.classes import KINDS
from services.training.detector.crops import LoadedField

Floats = npt.NDArray[np.float32]
Runner = Callable[[npt.NDArray[np.uint8]], Floats]
"""Tiles (N x 1152 x 1152 x 3) → cells (N x 1024 x 6), as the detector's ONNX file does."""
_OVERLAP = 0.5
_FLOOR = 0.05


@dataclass(frozen=True)
class Scored:
    """The detections of one kind over many fields, and how many labelled cells there were."""

    scores: Floats
    correct: npt.NDArray[np.bool_]
    field: npt.NDArray[np.int64]
    """Of which field each detection is."""
    labelled: npt.NDArray[np.int64]
    """Labelled cells of each field."""


@dataclass(frozen=True)
class Figures:
    """Counts at one score threshold."""

    found: int
    correct: int
    labelled: int

    @property
    def precision(self) -> float:
        """Share of the found cells that are labelled ones; 0 where none was found."""
        return self.correct / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of the labelled cells that were found; 0 where none is labelled."""
        return self.correct / self.labelled if self.labelled else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.found + self.labelled
        return 2 * self.correct / total if total else 0.0


def overlaps(first: Floats, second: Floats) -> Floats:
    """Intersection over union of each of n boxes with each of m (corners: left, top, right, bottom)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9), np.float32)


def match(found: Floats, labelled: Floats, overlap: float = _OVERLAP) -> npt.NDArray[np.bool_]:
    """Which of the found boxes, highest score first, take a labelled one that no earlier box took."""
    correct = np.zeros(len(found), bool)
    if not len(found) or not len(labelled):
        return correct
    shared = overlaps(found, labelled)
    for index in range(len(found)):
        best = int(np.argmax(shared[index]))
        if shared[index, best] >= overlap:
            correct[index] = True
            shared[:, best] = 0
    return correct


def detect(image: Rgb, run: Runner) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Corners, scores and kinds of the cells of an image of at most one tile's core, clipped to it, by falling score.

    The image lies in the core of a tile whose margin repeats its edge, as the running service lays it.
    """
    height, width = image.shape[:2]
    cells = run(region(image, -TILE_MARGIN, -TILE_MARGIN, TILE, TILE)[None])[0]
    x, y = cells[:, 0] - TILE_MARGIN, cells[:, 1] - TILE_MARGIN
    kept = (cells[:, 4] >= _FLOOR) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    half = cells[kept, 2:4] / 2
    centre = np.stack([x, y], axis=1)[kept]
    corners = np.concatenate([centre - half, centre + half], axis=1)
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(corners, 0, limits), cells[kept, 4], cells[kept, 5].astype(np.int64)


def score(fields: Sequence[LoadedField], run: Runner) -> dict[str, Scored]:
    """The detections of each kind over all fields, each marked correct or not."""
    parts: dict[str, list[Scored]] = {kind: [] for kind in KINDS}
    for number, field in enumerate(fields):
        corners, values, kinds = detect(field.image, run)
        for index, kind in enumerate(KINDS):
            own, truth = kinds == index, field.corners[field.kinds == index]
            place = np.full(int(own.sum()), number)
            parts[kind].append(Scored(values[own], match(corners[own], truth), place, np.array([len(truth)])))
    return {kind: _joined(scored) for kind, scored in parts.items()}


def counts(scored: Scored, threshold: float) -> npt.NDArray[np.int64]:
    """Found, correct and labelled cells (columns) of each field (rows) at a score threshold."""
    kept = scored.scores >= threshold
    fields = len(scored.labelled)
    found = np.bincount(scored.field[kept], minlength=fields)
    correct = np.bincount(scored.field[kept & scored.correct], minlength=fields)
    return np.stack([found, correct, scored.labelled], axis=1)


def figures(scored: Scored, threshold: float) -> Figures:
    """The counts over all fields when only detections of at least this score are kept."""
    return Figures(*map(int, counts(scored, threshold).sum(axis=0)))


def best_threshold(scored: Sequence[Scored]) -> float:
    """The score threshold, in steps of 0.01, of the highest mean F1 over several sets of fields."""
    steps = np.arange(10, 91) / 100
    values = np.array([np.mean([figures(one, float(step)).f1 for one in scored]) for step in steps])
    return float(np.median(steps[values >= values.max() - 1e-9]).round(2))


def _joined(parts: Sequence[Scored]) -> Scored:
    rows = zip(*((one.scores, one.correct, one.field, one.labelled) for one in parts), strict=True)
    return Scored(*(np.concatenate(row) for row in rows))
