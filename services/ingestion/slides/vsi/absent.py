"""Tiles left out that should not have been: where a coarser level shows more than background."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.slide import Region
from services.ingestion.slides.vsi.container import Integers
from services.ingestion.slides.vsi.pyramid import Pyramid
from services.ingestion.slides.vsi.tiles import TileReader

# Pixels of the coarser level that stand for one tile, along each side: enough to see a cell, few enough to be quick.
_SIDE = 8
# Grey levels from the background that glass and compression do not reach.
_STAIN = 40
# Levels that are asked, one finer after the other, where the first cannot be decoded; each costs four times as much.
_ATTEMPTS = 3


def lost_tiles(pyramid: Pyramid, tiles: TileReader, background: tuple[int, int, int], level: int) -> tuple[Region, ...]:
    """The places of a level whose tiles are absent although the coarser picture of them is stained.

    A scanner leaves out empty glass; a tile lost with cells on it would be read as glass. Where no coarser picture of a
    row can be decoded, nothing says that its absent tiles were glass, and they count as lost. The coarsest level has
    none.
    """
    coarser = min(pyramid.grid.levels - 1 - level, (min(pyramid.grid.tile) // _SIDE).bit_length() - 1)
    if coarser < 1:
        return ()
    return tuple(_lost(pyramid, tiles, background, level, coarser))


def _lost(
    pyramid: Pyramid, tiles: TileReader, background: tuple[int, int, int], level: int, coarser: int
) -> Iterator[Region]:
    for row, columns in pyramid.index.absent(level):
        stained = _stained_columns(pyramid, tiles, background, level, coarser, row)
        for column in columns.tolist():
            place = _place(pyramid, level, column, row)
            if place is not None and (stained is None or stained[column]):
                yield place


def _stained_columns(
    pyramid: Pyramid, tiles: TileReader, background: tuple[int, int, int], level: int, coarser: int, row: int
) -> NDArray[np.bool_] | None:
    """Which tiles of a row hold stain in the coarser picture; None where no picture of it can be decoded."""
    for step in range(coarser, max(coarser - _ATTEMPTS, 0), -1):
        try:
            differs = _differences(pyramid, tiles, background, level + step, step, row)
        except SlideDamaged:
            continue
        wide = pyramid.grid.tile[0] >> step
        count = pyramid.grid.tiles(level)[0]
        return np.array([_stained(differs[column * wide : (column + 1) * wide]) for column in range(count)])
    return None


def _differences(
    pyramid: Pyramid, tiles: TileReader, background: tuple[int, int, int], level: int, step: int, row: int
) -> Integers:
    """How far each pixel column of a row of tiles is from the background, `step` levels coarser than the tiles."""
    grid = pyramid.grid
    width, height = grid.level_size(level)
    high = grid.tile[1] >> step
    across, down = grid.shift(level)
    top = max(row * high - down, 0)
    bottom = min((row + 1) * high - down, height)
    if top >= bottom:
        return np.zeros(0, np.int64)
    strip = tiles.read(Region(-across, top, width + across, bottom - top, level)).astype(np.int16)
    return np.asarray(np.abs(strip - np.array(background, np.int16)).max(axis=(0, 2)), np.int64)


def _stained(differs: Integers) -> bool:
    return bool(differs.size and differs.max() > _STAIN)


def _place(pyramid: Pyramid, level: int, column: int, row: int) -> Region | None:
    """The part of the picture that a tile shows; None where it lies in the margin before the picture."""
    grid = pyramid.grid
    (wide, high), (across, down), (width, height) = grid.tile, grid.shift(level), grid.level_size(level)
    left, top = max(column * wide - across, 0), max(row * high - down, 0)
    right, bottom = min((column + 1) * wide - across, width), min((row + 1) * high - down, height)
    if left >= right or top >= bottom:
        return None
    return Region(left, top, right - left, bottom - top, level)
