"""Ordinary red cells of sets that label no shapes: alone, with a square box of their field's median size.

Most red cells of most films are normal; without them a network that learned shapes in one laboratory calls the normal
cells of another by the nearest name it knows. The label is weak: a few of them are not normal.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from services.training.classifier.cells import centre
from services.training.sources import Box

T = TypeVar("T")
_SQUARE = 1.15
"""Most that one side of the box may exceed the other by."""
_USUAL = 0.12
"""Most that the cell may differ from its field's median, as a share of it."""
_LEAST_CELLS = 5


def ordinary_cells(labelled: Sequence[Box], most: int) -> list[tuple[float, float]]:
    """Centres (x, y) of up to ``most`` ordinary red cells among the labelled cells of a field, spread over them."""
    boxes = [box for box in labelled if box.kind == "erythrocyte"]
    if len(boxes) < _LEAST_CELLS:
        return []
    sides = np.array([(box.width, box.height) for box in boxes], float)
    size = np.sqrt(sides.prod(axis=1))
    square = sides.max(axis=1) <= _SQUARE * sides.min(axis=1)
    usual = np.abs(size / np.median(size) - 1) <= _USUAL
    chosen = [boxes[index] for index in np.flatnonzero(square & usual & _alone(boxes, labelled))]
    return [centre(box) for box in spread(chosen, most)]


def spread(found: Sequence[T], most: int) -> list[T]:
    """Up to ``most`` of what was found, evenly from first to last."""
    places = np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)
    return [found[place] for place in np.unique(places)]


def _alone(boxes: Sequence[Box], everything: Sequence[Box]) -> npt.NDArray[np.bool_]:
    """Which boxes overlap no other."""
    own, other = _corners(boxes)[:, None], _corners(everything)[None]
    overlap = np.minimum(own[..., 2:], other[..., 2:]) > np.maximum(own[..., :2], other[..., :2])
    return np.asarray(overlap.all(axis=2).sum(axis=1) == 1)


def _corners(boxes: Sequence[Box]) -> npt.NDArray[np.float64]:
    return np.array([(box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes])
