"""What each field of a film holds, by the film map."""

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from services.ingestion.fields.grid import Grid, grid
from services.ingestion.film.film_map import FilmMap
from services.ingestion.film.nuclei import Nuclei
from services.ingestion.film.stain import LAYER
from services.ingestion.film.thickness import Part
from services.ingestion.tiles.geometry import CANONICAL_UM_PER_PX, MARGIN_PX

Table = NDArray[np.float64]
"""One value per field, rows x columns."""

LEAST_SCORE = 0.1
"""Candidates below it are platelets or dirt; it keeps 999 of 1000 real leukocytes (`benchmarks/film_score.py`)."""

THIN_ENOUGH_LAYERS = 2.0
"""Colour of a thick part, in layers, up to which its nucleated cells are still told apart."""

_CLUMP_UM2 = 15.0


@dataclass(frozen=True)
class Census:
    """Shares are of the whole field, 0–1, except `absent`, which is of the field and the margin of its tile, and
    `unfocused`, `pale`, `littered`, `thick` and `clean`, which are of the
    covered part. `leukocytes` is expected nucleated cells by part of the film, in readable places only; `red_cells`
    are those of readable monolayer, `sparse_red_cells` of the readable feathered edge; `clumps` is expected heaps of
    platelets.
    """

    covered: Table
    lost: Table
    absent: Table
    unfocused: Table
    pale: Table
    littered: Table
    thick: Table
    clean: Table
    monolayer: Table
    feathered: Table
    leukocytes: dict[Part, Table]
    red_cells: Table
    sparse_red_cells: Table
    clumps: Table

    @property
    def all_leukocytes(self) -> Table:
        return np.asarray(sum(self.leukocytes.values()), np.float64)


def census(film: FilmMap) -> Census:
    """Count every field of a film."""
    fields = grid(film.parts.shape, film.cell_um)
    cells = fields.sums(np.ones(film.parts.shape, np.uint8))
    covered = fields.sums(film.covered)

    def share(where: NDArray[np.bool_]) -> Table:
        return np.asarray(fields.sums(where & film.covered) / np.maximum(covered, 1), np.float64)

    monolayer, feathered = (film.clean & (film.parts == part) for part in (Part.MONOLAYER, Part.FEATHERED))
    return Census(
        covered=covered / cells,
        lost=fields.sums(film.lost) / cells,
        absent=fields.sums(_within_a_tile(film)) / cells,
        unfocused=share(~film.in_focus),
        pale=share(film.pale),
        littered=share(film.littered),
        thick=share(film.parts == Part.THICK),
        clean=share(film.clean),
        monolayer=fields.sums(monolayer) / cells,
        feathered=fields.sums(feathered) / cells,
        leukocytes={part: _leukocytes(film, fields, part) for part in (Part.MONOLAYER, Part.FEATHERED, Part.THICK)},
        red_cells=fields.sums(film.red_cells * monolayer),
        sparse_red_cells=fields.sums(film.red_cells * feathered),
        clumps=_clumps(film, fields),
    )


def _within_a_tile(film: FilmMap) -> NDArray[np.uint8]:
    """Absent places, widened by the margin that a tile is read with around its field, and by what rounding may add."""
    reach = ceil(MARGIN_PX * CANONICAL_UM_PER_PX / film.cell_um + 0.5)
    return np.asarray(cv2.dilate(film.absent, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), np.uint8)


def _leukocytes(film: FilmMap, fields: Grid, part: Part) -> Table:
    readable = film.clean & (film.parts == part)
    if part is Part.THICK:
        readable &= film.stain <= THIN_ENOUGH_LAYERS * LAYER
    return _expected(film, fields, film.nuclei[film.nuclei.score >= LEAST_SCORE], readable)


def _clumps(film: FilmMap, fields: Grid) -> Table:
    """Large look-alikes of a nucleus where clumps gather."""
    heaps = film.nuclei[film.nuclei.area_um2 >= _CLUMP_UM2]
    rows, columns = film.at(heaps)
    edge = film.clean[rows, columns] & (film.parts[rows, columns] == Part.FEATHERED)
    return fields.totals(rows[edge], columns[edge], (1 - heaps.score)[edge])


def _expected(film: FilmMap, fields: Grid, nuclei: Nuclei, readable: NDArray[np.bool_]) -> Table:
    rows, columns = film.at(nuclei)
    seen = readable[rows, columns]
    return fields.totals(rows[seen], columns[seen], nuclei.score[seen])
