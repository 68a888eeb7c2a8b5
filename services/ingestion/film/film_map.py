"""What one pass over a film has found, on a grid of cells about the size of a red cell."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.ingestion.film.focus import STEPS_PER_UM
from services.ingestion.film.grains import PER_GRAIN
from services.ingestion.film.nuclei import Nuclei
from services.ingestion.film.stain import LAYER, Pixels, Stain
from services.ingestion.film.thickness import Part

CELL_TO_NUCLEUS = 1.8
"""Area of a leukocyte against that of its nucleus."""

Mask = NDArray[np.bool_]

READABLE_BLUR_UM = 0.55
"""Width of cell edges up to which chromatin and granules are told apart. Sharp fields of DeepBioNet have 0.24 to 0.36,
and 0.45 to 0.62 once blurred by 0.5 µm more.
"""

PALE_LAYERS = 0.55
"""Colour of the red cells against the film's own, below which a part counts as pale."""

GRAINS_PER_MM2 = 1500.0
"""Specks finer than platelets from which a part is littered; clean films have under 200 and pale ones 600."""

RED_CELL_UM2 = 50.0
"""Area that one red cell covers at about 1 µm/px: 44 µm² (7.5 µm across) and the soft edge."""


@dataclass(frozen=True)
class FilmMap:
    """Maps of one shape (rows x columns of square cells with sides of `cell_um` µm), all uint8.

    `parts` is a `Part`; `cover` is the stained
    share of the cell, 0–255; `grains` counts specks of precipitate, 64 each; `stain` is the colour of what is covered
    (64 = one layer of the film's red cells); `blur` the width of edges in 1/64 µm; `missing` and `damaged` are 1 where
    the scan holds no pixels or none that can be decoded; `absent` is 1 where it holds pixels for this map, but none of
    the level that fields are read from: there a tile would show glass. `faint` is 1 where thin parts are stained
    clearly more faintly than the film's others.
    """

    width_um: float
    height_um: float
    cell_um: float
    parts: Pixels
    cover: Pixels
    grains: Pixels
    stain: Pixels
    blur: Pixels
    missing: Pixels
    absent: Pixels
    damaged: Pixels
    faint: Pixels
    nuclei: Nuclei
    colours: Stain
    missing_tiles: int

    @cached_property
    def covered(self) -> Mask:
        return np.asarray(self.parts != Part.BARE)

    @cached_property
    def in_focus(self) -> Mask:
        return np.asarray(self.blur <= READABLE_BLUR_UM * STEPS_PER_UM)

    @cached_property
    def pale(self) -> Mask:
        return np.asarray(self.stain < PALE_LAYERS * LAYER)

    @cached_property
    def thin(self) -> Mask:
        """Where cells lie side by side or apart, in focus."""
        return np.asarray((self.parts >= Part.MONOLAYER) & self.in_focus)

    @cached_property
    def littered(self) -> Mask:
        """Where precipitate or dirt covers cells."""
        return np.asarray(self.grains > GRAINS_PER_MM2 * self.cell_um**2 * 1e-6 * PER_GRAIN)

    @cached_property
    def lost(self) -> Mask:
        """Where there are no pixels to read."""
        return np.asarray((self.missing | self.absent | self.damaged) > 0)

    @cached_property
    def clean(self) -> Mask:
        """Covered, in focus, stained, free of precipitate, and there: readable if it is thin enough."""
        return self.covered & self.in_focus & ~self.pale & ~self.littered & ~self.lost

    @cached_property
    def red_cells(self) -> NDArray[np.float32]:
        """Expected red cells per map cell; below 0 where a nucleated cell lies."""
        area = self.cover * np.float32(self.cell_um**2 / 255)
        nuclei = self.nuclei.probable
        np.subtract.at(area, self.at(nuclei), CELL_TO_NUCLEUS * nuclei.area_um2)
        return area / np.float32(RED_CELL_UM2)

    def area_mm2(self, where: Mask) -> float:
        return float(np.count_nonzero(where)) * self.cell_um**2 * 1e-6

    def at(self, nuclei: Nuclei) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of the map cells that hold the nuclei's centres."""
        rows, columns = self.parts.shape
        y = np.clip((nuclei.y_um / self.cell_um).astype(np.intp), 0, rows - 1)
        x = np.clip((nuclei.x_um / self.cell_um).astype(np.intp), 0, columns - 1)
        return y, x
