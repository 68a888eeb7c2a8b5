"""Where the tiles of a scan lie: grid and levels as the .vsi and the pixel file both declare them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.ingestion.slides.errors import SlideDamaged, SlideUnsupported
from services.ingestion.slides.positioned import PositionedFile
from services.ingestion.slides.slide import Level
from services.ingestion.slides.vsi.container import Container, Integers
from services.ingestion.slides.vsi.declaration import StackDeclaration

_MAX_LEVELS = 24
_MAX_PLANES = 1024
_TILE_SIDES = range(64, 4097)
# Scanners halve until one tile holds the picture (ome/bioformats#946); the tile origin may push it over a border.
_COARSEST_TILES = 2
_Z_AXIS = 1
_UINT8 = 2


@dataclass(frozen=True)
class Grid:
    """The geometry of a pyramid. Each level halves, rounding up; the tile origin shifts the picture inside the grid."""

    width: int
    height: int
    tile: tuple[int, int]
    margin: tuple[int, int]
    levels: int

    def level_size(self, level: int) -> tuple[int, int]:
        """Width and height of the picture at a level, in its pixels."""
        return _halved(self.width, level), _halved(self.height, level)

    def shift(self, level: int) -> tuple[int, int]:
        """Where pixel (0, 0) of a level lies in its tile grid."""
        return self.margin[0] >> level, self.margin[1] >> level

    def tiles(self, level: int) -> tuple[int, int]:
        """Columns and rows of the grid of a level."""
        across = _halved(self.width + self.margin[0], level)
        down = _halved(self.height + self.margin[1], level)
        return -(-across // self.tile[0]), -(-down // self.tile[1])


def _halved(length: int, times: int) -> int:
    return -(-length >> times)


class TileIndex:
    """Finds a tile's bytes by its place; one per z-plane."""

    def __init__(self, grid: Grid, coordinates: Integers, offsets: Integers, lengths: Integers) -> None:
        self._columns = [grid.tiles(level)[0] for level in range(grid.levels)]
        totals = [grid.tiles(level)[0] * grid.tiles(level)[1] for level in range(grid.levels)]
        self._base = np.concatenate([[0], np.cumsum(totals)]).astype(np.int64)
        self._totals = totals
        keys = self._keys(coordinates[:, 0], coordinates[:, 1], coordinates[:, 2])
        order = np.argsort(keys, kind="stable")
        self._sorted = keys[order]
        self._offsets = offsets[order]
        self._lengths = lengths[order]

    @property
    def unique(self) -> bool:
        """Whether no two tiles have one place."""
        return bool((self._sorted[1:] != self._sorted[:-1]).all())

    def missing(self, level: int) -> int:
        """How many places of a level have no tile."""
        low, high = np.searchsorted(self._sorted, self._base[level : level + 2])
        return self._totals[level] - int(high - low)

    def absent(self, level: int) -> Iterator[tuple[int, Integers]]:
        """The rows of a level's grid that lack tiles, and the columns where each does."""
        base, columns = int(self._base[level]), self._columns[level]
        for row in range(self._totals[level] // columns):
            low, high = np.searchsorted(self._sorted, [base + row * columns, base + (row + 1) * columns])
            if high - low < columns:
                stored = self._sorted[low:high] - base - row * columns
                yield row, np.setdiff1d(np.arange(columns, dtype=np.int64), stored)

    def find(self, level: int, columns: range, rows: range) -> list[tuple[int, int, int, int, int]]:
        """The tiles stored at those places: key, column, row, offset, length of each."""
        y, x = (grid.ravel() for grid in np.mgrid[rows.start : rows.stop, columns.start : columns.stop])
        keys = self._keys(x, y, np.int64(level))
        at = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        stored = self._sorted[at] == keys
        found = at[stored]
        values = (keys[stored], x[stored], y[stored], self._offsets[found], self._lengths[found])
        return list(zip(*(value.tolist() for value in values), strict=True))

    def _keys(self, x: Integers, y: Integers, level: Integers | np.int64) -> Integers:
        return self._base[level] + y * np.array(self._columns, np.int64)[level] + x


@dataclass(frozen=True)
class Pyramid:
    """The scan of one z-plane: its grid, levels and tiles."""

    grid: Grid
    levels: tuple[Level, ...]
    planes: int
    plane: int
    index: TileIndex


def build_pyramid(file: PositionedFile, stack: StackDeclaration, container: Container, plane: int | None) -> Pyramid:
    """The pyramid of a stack, cross-checked between the .vsi and the pixel file. `plane` None is the middle one.

    Raises:
        SlideUnsupported: the pixels are not brightfield RGB, the stack has other axes than z, or no such plane.
        SlideDamaged: the two files disagree, or the table does not make a pyramid.
    """
    check_brightfield(file, container)
    _check_agreement(file, stack, container)
    planes, plane_of = _planes(file, stack, container)
    chosen = planes // 2 if plane is None else plane
    if not 0 <= chosen < planes:
        raise SlideUnsupported(file.name, f"has no z-plane {chosen}", f"Name a plane from 0 to {planes - 1}.")
    grid = _grid(file, stack, container)
    indexes = [_plane_index(file, grid, container, plane_of == number, number) for number in range(planes)]
    levels = tuple(Level(*grid.level_size(level), float(1 << level)) for level in range(grid.levels))
    return Pyramid(grid, levels, planes, chosen, indexes[chosen])


def check_brightfield(file: PositionedFile, container: Container) -> None:
    """Raises SlideUnsupported unless the pixels are RGB with 8 bits, SlideDamaged if tiles have no sensible size."""
    header = container.header
    if (header.pixel_type, header.samples) != (_UINT8, 3):
        problem = f"holds fluorescence or monochrome pixels (type {header.pixel_type}, {header.samples} sample(s))"
        raise SlideUnsupported(file.name, problem, "Scan the slide again in brightfield (RGB with 8 bits).")
    if not all(side in _TILE_SIDES for side in header.tile) or header.tile_depth != 1:
        raise SlideDamaged(file.name, f"its tiles are {header.tile} px with depth {header.tile_depth} (offset 92)")


def _check_agreement(file: PositionedFile, stack: StackDeclaration, container: Container) -> None:
    header = container.header
    size, origin, tile = stack.size, stack.origin, stack.tile
    if header.extents and tuple(header.extents[:2]) != size:
        told = f"{size[0]} x {size[1]} px in {stack.name} (field 2053)"
        raise SlideDamaged(
            file.name, f"the picture is {told}, but {header.extents[:2]} here: these belong not together"
        )
    if tile is not None and tile != header.tile:
        raise SlideDamaged(file.name, f"tiles are {tile} px in {stack.name} (field 20004), but {header.tile} here")
    if origin is not None and origin != header.origin:
        raise SlideDamaged(file.name, f"the tile origin is {origin} in {stack.name} (field 2410), {header.origin} here")
    if not all(-side < start <= 0 for start, side in zip(header.origin, size, strict=True)):
        raise SlideDamaged(file.name, f"its tile origin is {header.origin} (offset 236)")


def _planes(file: PositionedFile, stack: StackDeclaration, container: Container) -> tuple[int, NDArray[np.int32]]:
    """How many z-planes there are, and the plane of each tile. Slots follow the order of the .vsi's dimensions."""
    slots = container.coordinates[:, 2:-1]
    axes = (*stack.axes, *(None,) * slots.shape[1])[: slots.shape[1]]
    if (slots < 0).any():
        raise SlideDamaged(file.name, "a tile has a negative place on its axes")
    for number, axis in enumerate(axes):
        if axis != _Z_AXIS and slots[:, number].any():
            what = "channels" if axis in (3, 4) else "other axes than z"
            advice = "Scan the slide again as one brightfield (RGB) picture, with z-planes at most."
            raise SlideUnsupported(file.name, f"has several images per place ({what})", advice)
    if _Z_AXIS not in axes:
        return 1, np.zeros(len(slots), np.int32)
    along = slots[:, axes.index(_Z_AXIS)]
    planes = int(along.max()) + 1
    extent = container.header.extents[2 + axes.index(_Z_AXIS) :][:1]
    if planes > _MAX_PLANES or (extent and extent[0] != planes):
        raise SlideDamaged(file.name, f"declares {extent} z-planes, its table has {planes}")
    return planes, along


def _grid(file: PositionedFile, stack: StackDeclaration, container: Container) -> Grid:
    levels = container.coordinates[:, -1]
    if levels.min() < 0 or levels.max() >= _MAX_LEVELS:
        raise SlideDamaged(file.name, f"its table has levels from {levels.min()} to {levels.max()}")
    margin = (-container.header.origin[0], -container.header.origin[1])
    grid = Grid(*stack.size, container.header.tile, margin, int(levels.max()) + 1)
    if grid.levels > 1 and grid.tiles(grid.levels - 2) == (1, 1):
        raise SlideDamaged(file.name, f"its table has {grid.levels} levels, more than the picture can be halved")
    columns, rows = grid.tiles(grid.levels - 1)
    if max(columns, rows) > _COARSEST_TILES:
        problem = f"the coarsest level of its table, {grid.levels - 1}, still has {columns} x {rows} tiles"
        raise SlideDamaged(file.name, f"{problem}: levels are missing")
    limits = np.array([grid.tiles(level) for level in range(grid.levels)], np.int64)[levels]
    places = container.coordinates[:, :2]
    outside = ((places < 0) | (places >= limits)).any(axis=1)
    if outside.any():
        tile = int(np.argmax(outside))
        place, level = tuple(places[tile].tolist()), int(levels[tile])
        raise SlideDamaged(file.name, f"tile {place} of level {level} lies outside the picture of {stack.size} px")
    return grid


def _plane_index(
    file: PositionedFile, grid: Grid, container: Container, own: NDArray[np.bool_], plane: int
) -> TileIndex:
    coordinates = container.coordinates[own][:, [0, 1, -1]].astype(np.int64)
    index = TileIndex(grid, coordinates, container.offsets[own], container.lengths[own])
    if not index.unique:
        raise SlideDamaged(file.name, f"two tiles of plane {plane} claim the same place")
    for level in range(grid.levels):
        columns, rows = grid.tiles(level)
        if index.missing(level) == columns * rows:
            raise SlideDamaged(file.name, f"plane {plane} has no tile of level {level}")
    return index
