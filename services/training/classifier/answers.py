"""What an exported classifier answers for labelled cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.analysis.pixels import Rgb
from services.training.classifier.cells import Cell, targets, told
from services.training.runtime import Model

_BATCH = 32


@dataclass(frozen=True)
class Answers:
    """The answers for n cells, beside what they are."""

    probabilities: npt.NDArray[np.float64]
    distance: npt.NDArray[np.float64]
    targets: npt.NDArray[np.int64]
    """Index of the class, -1 where the label allows several, or none."""
    allowed: npt.NDArray[np.bool_]
    labels: npt.NDArray[np.str_]
    """As the data sets name them."""
    attributes: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    """n x values, the probabilities of each attribute's values; empty where the model says nothing of them."""
    told: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), bool))
    """n x values, the values that are told of each cell."""

    def of(self, chosen: npt.NDArray[np.bool_]) -> "Answers":
        """The answers for some of the cells."""
        return Answers(
            self.probabilities[chosen],
            self.distance[chosen],
            self.targets[chosen],
            self.allowed[chosen],
            self.labels[chosen],
            *((self.attributes[chosen], self.told[chosen]) if len(self.told) else ()),
        )

    @property
    def none(self) -> "Answers":
        """The answers for cells that no class is allowed for."""
        return self.of(np.asarray(~self.allowed.any(axis=1)))

    @property
    def single(self) -> "Answers":
        """The answers for cells whose class is known."""
        return self.of(self.targets >= 0)


def answer(model: Model, cells: Sequence[Cell], view: Callable[[Cell], Rgb]) -> Answers:
    """Runs the model on the cells, each as the view shows it."""
    found = []
    for start in range(0, len(cells), _BATCH):
        crops = np.stack([view(cell) for cell in cells[start : start + _BATCH]])
        found.append(model(crops))
    outputs = [np.concatenate(part).astype(np.float64) for part in zip(*found, strict=True)]
    probabilities, distance = outputs[:2]
    allowed, labels = np.stack([cell.allowed for cell in cells]), np.array([cell.label for cell in cells])
    if len(outputs) == 2:
        return Answers(probabilities, distance, targets(cells), allowed, labels)
    attributes = outputs[2]
    marks = told(cells, attributes.shape[1])
    return Answers(probabilities, distance, targets(cells), allowed, labels, attributes, marks)
