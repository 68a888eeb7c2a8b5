"""Choosing places that are spread over a film, the same ones each time."""

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Place = tuple[int, int]
"""Row and column of a field."""

# Powers of the plastic number (M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018): places in
# this order are spread evenly wherever the order is cut off.
_STEPS = (0.7548776662466927, 0.5698402909980532)


def spread_order(places: NDArray[np.intp]) -> NDArray[np.float64]:
    """A key for each place (n x 2); sorting by it visits all parts of the film early."""
    return (places[:, 0] * _STEPS[0] + places[:, 1] * _STEPS[1]) % 1.0


def stratified(
    places: Sequence[Place], preferred: Collection[Place], wanted: float, gain: Callable[[Place], float]
) -> list[Place]:
    """Places, one from each of equal strata of neighbours, as few as give `wanted` together; all where they do not.

    A stratum gives a preferred place where it holds one, else the one in its middle.
    """
    if wanted <= 0 or not places:
        return []
    near = sorted(places, key=_z_order)
    total = sum(map(gain, near))
    if total <= wanted:
        return near
    count = max(1, int(len(near) * wanted / total))
    while True:
        chosen = [_one(stratum, preferred) for stratum in _strata(near, min(count, len(near)))]
        if count >= len(near) or sum(map(gain, chosen)) >= wanted:
            return chosen
        count += max(1, count // 20)


def _strata(places: Sequence[Place], count: int) -> list[Sequence[Place]]:
    bounds = [round(i * len(places) / count) for i in range(count + 1)]
    return [places[start:stop] for start, stop in pairwise(bounds)]


def _one(stratum: Sequence[Place], preferred: Collection[Place]) -> Place:
    return next((place for place in stratum if place in preferred), stratum[len(stratum) // 2])


def _z_order(place: Place) -> int:
    """Places near each other on the film come near each other (Morton's order)."""
    row, column = place
    return sum((row >> bit & 1) << (2 * bit + 1) | (column >> bit & 1) << (2 * bit) for bit in range(20))
