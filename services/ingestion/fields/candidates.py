"""For each question, the fields that can answer it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.ingestion.fields.census import LEAST_SCORE, Census, Table
from services.ingestion.fields.spread import Place, spread_order
from services.ingestion.film.thickness import Part

PLATELETS_PER_RED_CELL = 0.05
"""A normal film shows one platelet to about 20 red cells (250 × 10⁹/L to 5 × 10¹²/L)."""

WHOLE_FILM_FIELDS = 100
"""A film of at most so many readable fields is read whole when its nuclei do not reach the target."""

_SURE = 0.5
_LIKELY_HEAP = 0.3
_MOST_OF_A_FIELD = 0.5
_PART_OF_A_FIELD = 0.3
_SOME_OF_A_FIELD = 0.1


@dataclass(frozen=True)
class Candidates:
    """Fields in groups, each to be used up before the next, and what each field is expected to give."""

    groups: tuple[tuple[Place, ...], ...]
    gain: Table

    @property
    def all(self) -> tuple[Place, ...]:
        return tuple(place for group in self.groups for place in group)


def for_leukocytes(census: Census, usable: NDArray[np.bool_]) -> Candidates:
    """Most nuclei first: in the monolayer, then the feathered edge, then thick parts; then single doubtful ones.

    On a small film the fields without nuclei come last, for the cells that the map has missed.
    """
    by_part = np.stack([census.leukocytes[part] for part in (Part.MONOLAYER, Part.FEATHERED, Part.THICK)])
    expected = by_part.sum(axis=0)
    tier = np.where(expected >= _SURE, by_part.argmax(axis=0), 3)
    found = usable & (expected >= LEAST_SCORE)
    places = np.argwhere(found)
    ranked = places[np.lexsort((spread_order(places), -expected[found], tier[found]))]
    without = np.argwhere(usable & ~found & (census.thick < _MOST_OF_A_FIELD))
    if len(ranked) + len(without) > WHOLE_FILM_FIELDS:
        return Candidates((_places(ranked),), expected)
    return Candidates((_places(ranked), _places(without[np.argsort(spread_order(without))])), expected)


def for_erythrocytes(census: Census, usable: NDArray[np.bool_]) -> Candidates:
    """Fields that are mostly monolayer; then those with some monolayer or sparse cells, and no more that is thick.

    Where cells lie on each other their shapes cannot be told.
    """
    thin = census.monolayer + census.feathered
    full = usable & (census.monolayer >= _MOST_OF_A_FIELD)
    some = usable & ~full & (thin >= _SOME_OF_A_FIELD) & (census.thick <= thin)
    return Candidates(
        (_places(np.argwhere(full)), _places(np.argwhere(some))), census.red_cells + census.sparse_red_cells
    )


def for_platelets(census: Census, usable: NDArray[np.bool_]) -> Candidates:
    """The same fields as for red cells."""
    red = for_erythrocytes(census, usable)
    return Candidates(red.groups, red.gain * PLATELETS_PER_RED_CELL)


def for_clumps(census: Census, usable: NDArray[np.bool_]) -> Candidates:
    """Fields of the feathered edge, those with heaps of nuclear stain first."""
    edge = usable & (census.feathered >= _PART_OF_A_FIELD) & (census.feathered >= 2 * census.monolayer)
    heaps = edge & (census.clumps >= _LIKELY_HEAP)
    places = np.argwhere(heaps)
    ranked = places[np.lexsort((spread_order(places), -census.clumps[heaps]))]
    return Candidates((_places(ranked), _places(np.argwhere(edge & ~heaps))), np.ones(edge.shape))


def _places(rows_and_columns: NDArray[np.intp]) -> tuple[Place, ...]:
    return tuple((int(row), int(column)) for row, column in rows_and_columns)
