"""One figure of two models on the same cells or fields, and whether the difference is more than chance."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.training.intervals import Counts, bootstrap


@dataclass(frozen=True)
class Difference:
    """A figure of the released model and of a candidate, with the 95 % interval of candidate minus released."""

    place: str
    """Data set, what its cells are labelled, and what is measured."""
    units: int
    """Cells or fields."""
    released: float
    candidate: float
    low: float
    high: float

    @property
    def worse(self) -> bool:
        """Whether the candidate is worse beyond chance."""
        return self.high < 0


def difference(
    place: str, released: Counts, candidate: Counts, figure: Callable[[Counts], float], seed: int
) -> Difference:
    """Compares by drawing units again (paired bootstrap): what is hard for both does not widen the interval.

    ``released`` and ``candidate`` are units x k counts of the same units; ``figure`` is given their sum over units.
    """
    both = np.stack([released, candidate], axis=1)
    low, high = bootstrap(both, lambda total: figure(total[1]) - figure(total[0]), seed)
    return Difference(place, len(released), figure(released.sum(axis=0)), figure(candidate.sum(axis=0)), low, high)


def right_of_all(right: npt.NDArray[np.bool_]) -> Counts:
    """Counts of which `share_right` makes the share of units that are right."""
    return np.column_stack([right, np.ones_like(right)]).astype(np.int64)


def share_right(total: Counts) -> float:
    """The share of right ones, of summed counts."""
    return float(total[0] / max(int(total[1]), 1))
