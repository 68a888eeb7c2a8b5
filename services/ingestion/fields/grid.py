"""The canonical grid: fields of 140.288 µm, counted from the scan's top left corner, the same in every round."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.ingestion.tiles.geometry import CORE_UM, Region

Starts = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Grid:
    """Fields in rows and columns, and the first map row and map column of each."""

    row_starts: Starts
    column_starts: Starts

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.row_starts), len(self.column_starts)

    def sums(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        """Totals of a map by field."""
        by_row = np.add.reduceat(values, self.row_starts, axis=0, dtype=np.float32)
        return np.asarray(np.add.reduceat(by_row, self.column_starts, axis=1), np.float64)

    def totals(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], weights: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Totals of single things by field, given the map row and column that each lies in."""
        row = np.searchsorted(self.row_starts, rows, "right") - 1
        column = np.searchsorted(self.column_starts, columns, "right") - 1
        height, width = self.shape
        flat = np.bincount(row * width + column, weights, height * width)
        return np.asarray(flat.reshape(height, width), np.float64)


def grid(map_shape: tuple[int, int], cell_um: float) -> Grid:
    """The grid over a map; a map cell belongs to the field that its centre lies in."""
    return Grid(*(_starts(count, cell_um) for count in map_shape))


def field_id(row: int, column: int) -> str:
    """The name of a field, from which `core` finds it again."""
    return f"{row:04d}-{column:04d}"


def core(name: str) -> Region:
    """The place of a field. Raises ValueError when it is not the name of one."""
    row, separator, column = name.partition("-")
    if not (separator and row.isdecimal() and column.isdecimal()):
        raise ValueError(f"{name!r} is not a field: a field is named by row and column, as 0012-0034")
    return Region(int(column) * CORE_UM, int(row) * CORE_UM, CORE_UM, CORE_UM)


def _starts(cells: int, cell_um: float) -> Starts:
    field_of_cell = ((np.arange(cells) + 0.5) * cell_um / CORE_UM).astype(np.intp)
    return np.searchsorted(field_of_cell, np.arange(field_of_cell[-1] + 1))
