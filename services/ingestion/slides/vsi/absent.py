"""Tiles left out that should not have been: where a coarser level shows more than background."""

import numpy as np

from services.ingestion.slides.regions import Region
from services.ingestion.slides.vsi.container import Integers
from services.ingestion.slides.vsi.pyramid import Pyramid
from services.ingestion.slides.vsi.tiles import TileReader

# Pixels of the coarser level that stand for one tile, along each side: enough to see a cell, few enough to be quick.
_SIDE = 8
# Grey levels from the background that glass and compression do not reach.
_STAIN = 40


def suspect_tiles(pyramid: Pyramid, tiles: TileReader, background: tuple[int, int, int]) -> int:
    """How many tiles of level 0 are absent although the coarser picture of their place is stained.

    A scanner leaves out empty glass; a tile lost with cells on it would be read as glass. Raises SlideDamaged.
    """
    grid = pyramid.grid
    level = max(min(grid.levels - 1, (min(grid.tile) // _SIDE).bit_length() - 1), 0)
    width, height = grid.level_size(level)
    wide, high = grid.tile[0] >> level, grid.tile[1] >> level
    across, down = grid.shift(level)
    suspects = 0
    for row, columns in pyramid.index.absent(0) if level else ():
        top = max(row * high - down, 0)
        bottom = min((row + 1) * high - down, height)
        if top >= bottom:
            continue
        strip = tiles.read(Region(-across, top, width + across, bottom - top, level)).astype(np.int16)
        differs = np.abs(strip - np.array(background, np.int16)).max(axis=(0, 2))
        suspects += sum(_stained(differs[column * wide : (column + 1) * wide]) for column in columns.tolist())
    return suspects


def _stained(differs: Integers) -> bool:
    return bool(differs.size and differs.max() > _STAIN)
