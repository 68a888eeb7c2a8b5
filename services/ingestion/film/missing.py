"""Tiles that the scan lacks although stain lies right beside them, or in a coarser picture of them.

The first are seen in the map itself. The others are not: the map is made of a coarser level, where they may be whole
although the level that fields are read from has lost them.
"""

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from services.ingestion.film.measuring import CellMaps
from services.ingestion.film.stain import Pixels
from services.ingestion.slides.slide import Slide
from services.ingestion.tiles.window import read_level

TILE_PX = 512
"""Side of a VS200 tile in pixels of the scan."""

_BLANK = 0.98
_CUT_SHARE = 0.1
"""Share of one side of a tile along which stain reaches the very edge. Cells end on bare glass with a soft rim, and
rarely along a tile's border; a tile that is missing cuts through them."""


_MOSTLY = 0.5


def absent_cells(slide: Slide, shape: tuple[int, ...], cell_um: float) -> tuple[int, Pixels]:
    """How many tiles the level that fields are read from has lost, and the map cells (1) that these touch."""
    level, um_per_px = read_level(slide.levels, slide.um_per_px)
    places = slide.lost_tiles(level)
    cells = np.zeros(shape, np.uint8)
    scale = um_per_px / cell_um
    for place in places:
        rows = slice(floor(place.y * scale), ceil((place.y + place.height) * scale))
        columns = slice(floor(place.x * scale), ceil((place.x + place.width) * scale))
        cells[rows, columns] = 1
    return len(places), cells


def missing_tiles(cells: CellMaps, cell_um: float, um_per_px: float, absent: Pixels) -> tuple[Pixels, int]:
    """Map cells (1) inside missing tiles beside stain, and the number of these tiles; those in `absent` are not told
    again.
    """
    side = TILE_PX * um_per_px / cell_um
    rows, columns = (np.unique(np.round(np.arange(0, n, side)).astype(np.intp)) for n in cells.blank.shape)
    blank, area = _sums(cells.blank / np.float32(255), rows, columns), _sums(np.ones(cells.blank.shape), rows, columns)
    cut_cells = _sums(cells.cut / np.float32(255), rows, columns)
    # A cut one raster pixel deep covers 1/8 of each cell along it.
    found = (blank >= _BLANK * area) & (cut_cells * 8 >= _CUT_SHARE * side)
    found &= _sums(absent.astype(np.float32), rows, columns) < _MOSTLY * area
    return _spread(found, rows, columns, cells.blank.shape), int(np.count_nonzero(found))


def _sums(values: NDArray[np.floating], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.floating]:
    summed = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    return np.asarray(summed)


def _spread(
    found: NDArray[np.bool_], rows: NDArray[np.intp], columns: NDArray[np.intp], shape: tuple[int, ...]
) -> Pixels:
    tall = np.repeat(found, np.diff([*rows, shape[0]]), axis=0)
    return np.repeat(tall, np.diff([*columns, shape[1]]), axis=1).astype(np.uint8)
