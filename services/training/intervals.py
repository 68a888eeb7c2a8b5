"""Intervals around measured shares."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

_RESAMPLED = 1000
Counts = npt.NDArray[np.int64]


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share (Clopper & Pearson, 1934); all of 0 to 1 where nothing was tried."""
    if not trials:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return low, high


def bootstrap(counts: Counts, figure: Callable[[Counts], float], seed: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of a figure of summed counts, by drawing the units (the first axis: fields or cells) again.

    ``counts`` is units x whatever; ``figure`` is given its sum over units.
    """
    rng = np.random.default_rng(seed)
    units = len(counts)
    flat = counts.reshape(units, -1)
    drawn = rng.multinomial(units, np.full(units, 1 / units), size=_RESAMPLED) @ flat
    return _middle_of([figure(total.reshape(counts.shape[1:])) for total in drawn], level)


def resampled(units: int, figure: Callable[[Counts], float], seed: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of a figure that is no function of sums, such as one of ranks; ``figure`` is given drawn indices.

    Draws for which the figure is not defined (nan) are left out.
    """
    rng = np.random.default_rng(seed)
    values = [figure(rng.integers(units, size=units)) for _ in range(_RESAMPLED)]
    return _middle_of([value for value in values if not np.isnan(value)], level)


def _middle_of(values: list[float], level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
