"""Pictures of any size as tiles: 1024 px of core, 64 px of margin, at canonical resolution; the edge repeated outside.

Cores are laid in the picture's own pixels and share their borders exactly, so every place belongs to one tile. Each
tile is cut from a window that is a little larger than it, so that resampling sees across its edges.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from typing import Protocol

from services.analysis.cells import Box, Kind, Placement
from services.analysis.pixels import CANONICAL_UM_PER_PX, TILE, TILE_CORE, TILE_MARGIN, Rgb, region, resample
from services.analysis.tiles import TilePixels

_LANCZOS_REACH = 8
"""Canonical pixels beyond the margin that resampling may look at (Lanczos-3 needs 3)."""


class RegionReader(Protocol):
    """A picture that gives its parts: a slide, or an image file."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    def read_region(self, x: int, y: int, width: int, height: int, level: int = 0) -> Rgb:
        """Pixels, uint8 height x width x 3, of a rectangle inside the picture."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayRegion:
    """A picture in memory."""

    image: Rgb

    @property
    def width(self) -> int:
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        return int(self.image.shape[0])

    def read_region(self, x: int, y: int, width: int, height: int, level: int = 0) -> Rgb:
        if level:
            raise ValueError(f"a picture in memory has level 0 only, not {level}")
        return self.image[y : y + height, x : x + width]


@dataclass(frozen=True)
class Span:
    """One tile along one axis, in pixels of the picture: its core [low, high), and the window it is cut from."""

    low: float
    high: float
    first: int
    past: int


def spans(length: int, um_per_px: float) -> list[Span]:
    """The tiles along an axis of `length` px."""
    canonical = max(1, round(length * um_per_px / CANONICAL_UM_PER_PX))
    px = length / canonical
    edges = [i * TILE_CORE * px for i in range(ceil(canonical / TILE_CORE))] + [float(length)]
    reach = (TILE_MARGIN + _LANCZOS_REACH) * px
    return [
        Span(low, high, max(0, floor(low - reach)), min(length, ceil(high + reach))) for low, high in pairwise(edges)
    ]


def windows(picture: RegionReader, um_per_px: float) -> Iterator[tuple[Span, Span]]:
    """The tiles of a picture, across and down, row by row."""
    across = spans(picture.width, um_per_px)
    for down in spans(picture.height, um_per_px):
        for span in across:
            yield span, down


def cut(picture: RegionReader, um_per_px: float, across: Span, down: Span, classify: frozenset[Kind]) -> TilePixels:
    """One tile of a picture; its world are the picture's pixels."""
    window = picture.read_region(across.first, down.first, across.past - across.first, down.past - down.first)
    scaled = resample(window, um_per_px)
    x_px, y_px = window.shape[1] / scaled.shape[1], window.shape[0] / scaled.shape[0]
    left = round((across.low - across.first) / x_px) - TILE_MARGIN
    top = round((down.low - down.first) / y_px) - TILE_MARGIN
    placement = Placement(across.first + left * x_px, down.first + top * y_px, x_px, y_px)
    core = Box(across.low, down.low, across.high - across.low, down.high - down.low)
    return TilePixels(region(scaled, left, top, TILE, TILE), placement, core, classify)
