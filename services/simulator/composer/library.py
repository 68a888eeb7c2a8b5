"""Cut-out cells on disk: sheets of RGBA pictures and the table that names what is on them."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services.simulator.errors import LibraryError

CANONICAL_UM_PER_PX = 0.137
"""The VS200's 40× resolution: cut-outs are stored and films composed at it."""

DEMONSTRATION_CELLS = Path(__file__).parent.parent / "cells"
_GLASS = 232
"""Light (of 255) above which an eye sees glass: the soft rim of a cut-out is not part of its outline."""
TABLE = "cells.csv"
COLUMNS = ("cell", "kind", "label", "sheet", "x", "y", "w", "h", "source", "file", "source_x", "source_y")


@dataclass(frozen=True)
class Cell:
    """A cut-out cell at the canonical resolution.

    `light` is H x W x 3 uint8, the light it lets through (255 = all, as bare glass); `rim` is its outline, N x 2
    float32 pixels from the centre of `light`.
    """

    name: str
    kind: str
    label: str
    light: NDArray[np.uint8]
    rim: NDArray[np.float32]

    @cached_property
    def size_um(self) -> tuple[float, float]:
        """Width and height of the outline."""
        width, height = (np.ptp(self.rim, axis=0) + 1) * CANONICAL_UM_PER_PX
        return float(width), float(height)

    @cached_property
    def radius_um(self) -> float:
        """Half the mean of width and height."""
        return sum(self.size_um) / 4


@dataclass(frozen=True)
class CellLibrary:
    """All cut-outs to compose from."""

    cells: tuple[Cell, ...]

    @classmethod
    def load(cls, folder: Path = DEMONSTRATION_CELLS) -> "CellLibrary":
        """Read a folder of sheets with its `cells.csv`, as `services.simulator.curation` writes them.

        Raises:
            LibraryError: the table or a sheet is missing, or a cell lies outside its sheet.
        """
        rows = _rows(folder / TABLE)
        sheets = {name: _sheet(folder / name) for name in {row["sheet"] for row in rows}}
        return cls(tuple(_cell(row, sheets[row["sheet"]]) for row in rows))

    def __add__(self, other: "CellLibrary") -> "CellLibrary":
        return CellLibrary(self.cells + other.cells)

    @cached_property
    def labels(self) -> frozenset[str]:
        """Every label that some cell has."""
        return frozenset(cell.label for cell in self.cells)

    def of(self, label: str) -> tuple[Cell, ...]:
        """The cells of one label. Raises LibraryError where there is none."""
        return self.having(lambda cell: cell.label == label, f"the label {label}")

    def having(self, wanted: Callable[[Cell], bool], what: str) -> tuple[Cell, ...]:
        """The cells that `wanted` accepts. Raises LibraryError where there is none, naming `what` was wanted."""
        found = tuple(cell for cell in self.cells if wanted(cell))
        if not found:
            raise LibraryError(f"no cut-out cell has {what}; compose from a folder that holds one")
        return found


def _cell(row: dict[str, str], sheet: NDArray[np.uint8]) -> Cell:
    x, y, w, h = (int(row[key]) for key in ("x", "y", "w", "h"))
    rgba = sheet[y : y + h, x : x + w]
    if (
        min(x, y) < 0
        or rgba.shape[:2] != (h, w)
        or rgba[..., 3].max(initial=0) < 128
        or rgba[..., :3].min(initial=255) >= _GLASS
    ):
        raise LibraryError(f"{row['sheet']}: the cell {row['cell']} is not where {TABLE} says; write the sheets again")
    return cell_from_rgba(row["cell"], row["kind"], row["label"], rgba)


def cell_from_rgba(name: str, kind: str, label: str, rgba: NDArray[np.uint8]) -> Cell:
    """A cell from its H x W x 4 uint8 picture on white glass, where something of it can be seen."""
    alpha = rgba[..., 3:].astype(np.uint16)
    light = (255 * (255 - alpha) + rgba[..., :3] * alpha + 127) // 255
    seen = (rgba[..., 3] > 127) & (light.min(axis=2) < _GLASS)
    contours, _ = cv2.findContours(seen.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rim = cv2.convexHull(max(contours, key=cv2.contourArea)).reshape(-1, 2)
    height, width = light.shape[:2]
    centred = rim - ((width - 1) / 2, (height - 1) / 2)
    return Cell(name, kind, label, light.astype(np.uint8), centred.astype(np.float32))


def _sheet(path: Path) -> NDArray[np.uint8]:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4:
        raise LibraryError(f"{path.name}: no RGBA picture can be read there; the folder of cells is incomplete")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA), np.uint8)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
    except OSError as error:
        raise LibraryError(f"{path}: the table of cells cannot be read; give a folder of cut-out cells") from error
    if not rows or set(COLUMNS) - set(rows[0]):
        raise LibraryError(f"{path.name}: needs the columns {', '.join(COLUMNS)} and at least one cell")
    return rows
