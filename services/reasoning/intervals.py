"""Exact 95 % intervals of counted figures, never approximations by the normal curve (CLSI H20-A2; clinical practice).

Two kinds of figure occur. A *share* is cells of a class among cells that were all looked at: binomial, so its interval
is Clopper and Pearson's (Biometrika 1934;26:404). A *ratio* sets two counts against each other of which neither is part
of the other, such as platelets per red cell: both are Poisson over the same area, and given their sum the first is
binomial with p = r / (1 + r), so the ratio's exact interval follows from Clopper and Pearson's for p (Przyborowski and
Wilenski, Biometrika 1940;31:313).
"""

import math
from dataclasses import dataclass

from scipy.special import betaincinv

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """Both limits belong to it; without unit. `high` of a ratio may be infinite."""

    low: float
    high: float


def share(count: int, of: int) -> Interval:
    """Limits of the share that shows as `count` in `of` cells. Raises ValueError unless 0 ≤ count ≤ of and of ≥ 1."""
    if not 0 <= count <= of or of < 1:
        raise ValueError(f"{count} of {of} cells is no share")
    tail = (1 - CONFIDENCE) / 2
    low = float(betaincinv(count, of - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, of - count, 1 - tail)) if count < of else 1.0
    return Interval(low, high)


def ratio(count: int, per: int) -> Interval:
    """Limits of the ratio that shows as `count` beside `per` others. Raises ValueError unless count ≥ 0 and per ≥ 1."""
    if count < 0 or per < 1:
        raise ValueError(f"{count} beside {per} cells is no ratio")
    part = share(count, count + per)
    return Interval(_odds(part.low), _odds(part.high))


def _odds(p: float) -> float:
    return math.inf if p == 1.0 else p / (1 - p)
