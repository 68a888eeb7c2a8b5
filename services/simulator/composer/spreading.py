"""Where cells come to lie: random at first, then pushed apart until each has the room it claims."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from services.simulator.composer.regions import FIELD_SIDE_UM, MOST_DENSE, Layout, Points, Region

_ROUNDS = 14
_TRIES = 40
# Cells dry into a film from a fluid in which they jostle: early rounds claim this much more room, which evens the film.
_ELBOW_ROOM = 0.28
_PAIRS_EVERY = 5
_LARGE_UM = 5.2


def scatter(layout: Layout, per_field: float, rng: np.random.Generator) -> Points:
    """Random positions at the layout's density, `per_field` cells to a monolayer's 140 µm square."""
    most = MOST_DENSE * per_field / FIELD_SIDE_UM**2
    count = rng.poisson(most * layout.width_um * layout.height_um)
    at = rng.random((count, 2)) * (layout.width_um, layout.height_um)
    return np.asarray(at[rng.random(count) * MOST_DENSE < layout.density(at)], np.float64)


def scatter_where(layout: Layout, wanted: Collection[Region], count: int, rng: np.random.Generator) -> Points:
    """`count` random positions in the `wanted` regions; none where the layout has no such region."""
    found = np.empty((0, 2))
    for _ in range(_TRIES):
        if len(found) >= count:
            break
        at = rng.random((max(256, 4 * count), 2)) * (layout.width_um, layout.height_um)
        found = np.vstack([found, at[np.isin(layout.regions(at), list(wanted))]])
    return found[:count]


def spread(at: Points, radius: Points, claim: Points, elbow_room: float = _ELBOW_ROOM) -> Points:
    """Push cells apart that overlap; each claims its `radius` (µm) times `claim` (1 = touching, less = overlapping),
    and in early rounds a share of `elbow_room` more.
    """
    at = at.copy()
    reach = radius * claim
    mass = np.where(radius > _LARGE_UM, 6.0, 1.0)
    first = second = np.empty(0, np.intp)
    for turn in range(_ROUNDS):
        room = reach * (1 + elbow_room * (1 - turn / (_ROUNDS - 1)))
        if turn % _PAIRS_EVERY == 0:
            first, second = _near_pairs(at, room)
        _push(at, room[first] + room[second], mass, first, second)
    return at


def _push(at: Points, wanted: Points, mass: Points, first: NDArray[np.intp], second: NDArray[np.intp]) -> None:
    apart = at[second] - at[first]
    distance = np.maximum(np.hypot(apart[:, 0], apart[:, 1]), 1e-6)
    close = np.flatnonzero(distance < wanted)
    first, second = first[close], second[close]
    step = (0.7 * (wanted[close] - distance[close]) / distance[close])[:, None] * apart[close]
    share = (mass[second] / (mass[first] + mass[second]))[:, None]
    for axis in range(2):
        at[:, axis] -= np.bincount(first, (step * share)[:, axis], len(at))
        at[:, axis] += np.bincount(second, (step * (1 - share))[:, axis], len(at))


def _near_pairs(at: Points, reach: Points) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs that touch or might within a few rounds; large cells are searched for apart, as there are few."""
    large = np.flatnonzero(reach > _LARGE_UM)
    small = np.flatnonzero(reach <= _LARGE_UM)
    slack = 1.0
    pairs = [np.empty((0, 2), np.intp)]
    if len(small):
        pairs.append(small[cKDTree(at[small]).query_pairs(2 * reach[small].max() + slack, output_type="ndarray")])
    if len(large):
        tree = cKDTree(at)
        most = reach.max()
        near = tree.query_ball_point(at[large], reach[large] + most + slack)
        pairs += [np.column_stack([np.full(len(others), i), others]) for i, others in zip(large, near, strict=True)]
    found = np.vstack(pairs).astype(np.intp)
    keep = (found[:, 0] != found[:, 1]) & ~(np.isin(found[:, 1], large) & (found[:, 0] > found[:, 1]))
    return found[keep, 0], found[keep, 1]
