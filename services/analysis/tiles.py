"""Tiles as analysis reads them, and which cell belongs to which tile."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.analysis.cells import Box, Kind, Placement
from services.analysis.pixels import Rgb

Floats = npt.NDArray[np.float64]
_EDGE_PLACES = 6


@dataclass(frozen=True, eq=False)
class TilePixels:
    """One tile: its pixels at canonical resolution, margin included, and where they lie.

    `core` is in the world's coordinates (see `Placement`); `classify` names the kinds whose cells get a verdict.
    """

    image: Rgb
    placement: Placement
    core: Box
    classify: frozenset[Kind]


def owned(tile: TilePixels, x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
    """Which cells, by their centres in pixels of the tile, belong to it: those whose centre lies in its core.

    The core holds its left and upper edges and not its right and lower ones, and the comparison is made in the world's
    coordinates, which neighbours share: every place belongs to exactly one of the tiles whose cores touch there.
    """
    core = tile.core
    world_x, world_y = tile.placement.point(x, y)
    return _within(world_x, core.x, core.x + core.width) & _within(world_y, core.y, core.y + core.height)


def _within(places: Floats, low: float, high: float) -> npt.NDArray[np.bool_]:
    """Which places lie in the half-open [low, high).

    Edges are rounded to a picometre, because one tile's low + width and its neighbour's low differ in their last bits.
    """
    return (places >= round(low, _EDGE_PLACES)) & (places < round(high, _EDGE_PLACES))
