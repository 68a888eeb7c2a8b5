"""Sizes and shapes of a film's red cells, as measured: how they are spread, over the cells that stand alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.reasoning.cells import SmearCell

# What is told of each cell's morphometry, and its unit (UCUM).
QUANTITIES = {"diameter_um": "um", "area_um2": "um2", "circularity": "1", "elongation": "1", "central_pallor": "1"}
DIAMETER = "erythrocytes.diameter_um"
_MIDDLE = (2.5, 50.0, 97.5)


@dataclass(frozen=True)
class Distribution:
    """A measured quantity over so many red cells; `low` and `high` are the limits of the middle 95 % of them."""

    name: str
    unit: str
    cells: int
    mean: float
    sd: float
    low: float
    median: float
    high: float


def distributions(classified: Sequence[SmearCell], minimum: float) -> tuple[Distribution, ...]:
    """Of each quantity; none where fewer than `minimum` of the cells could be measured."""
    measured = [cell.measured for cell in classified if cell.measured]
    if len(measured) < max(minimum, 2):
        return ()
    return tuple(_distribution(name, unit, [cell[name] for cell in measured]) for name, unit in QUANTITIES.items())


def _distribution(name: str, unit: str, values: Sequence[float]) -> Distribution:
    low, median, high = np.percentile(values, _MIDDLE)
    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    return Distribution(f"erythrocytes.{name}", unit, len(values), mean, sd, float(low), float(median), float(high))
