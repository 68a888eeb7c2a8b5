"""The values of analysis: a cell as it was found and what was made of it. Lengths are in pixels of the tile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Coordinate = TypeVar("Coordinate", float, npt.NDArray[np.float64])

UNIDENTIFIED = "unidentified"


class Kind(StrEnum):
    """What the detector tells apart; a classifier for the kind then names the cell."""

    ERYTHROCYTE = "erythrocyte"
    LEUKOCYTE = "leukocyte"
    PLATELET = "platelet"


@dataclass(frozen=True)
class Box:
    """An axis-parallel rectangle, half-open: it holds its left and upper edges and not its right and lower ones."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True)
class Placement:
    """Where a tile's pixels lie in the world it was cut from: µm on a slide, or pixels of an image."""

    x: float
    y: float
    x_per_px: float
    y_per_px: float

    def point(self, x: Coordinate, y: Coordinate) -> tuple[Coordinate, Coordinate]:
        """The place of a position in the tile."""
        return self.x + x * self.x_per_px, self.y + y * self.y_per_px

    def box(self, box: Box) -> Box:
        """The place of a box in the tile."""
        x, y = self.point(box.x, box.y)
        return Box(x, y, box.width * self.x_per_px, box.height * self.y_per_px)


@dataclass(frozen=True)
class Detection:
    """A cell that the detector found; `score` is the calibrated probability that it is a cell of its kind."""

    kind: Kind
    box: Box
    score: float


@dataclass(frozen=True)
class Verdict:
    """What a classifier says of one cell.

    `label` is the most probable class, or `unidentified` when that is no candidate or not probable enough, or when the
    cell resembles nothing in training: then nothing is a candidate. `probabilities` are calibrated and in the order of
    the model's classes. `strange` says that the cell resembles nothing in training. `attributes` are calibrated
    probabilities of each attribute's values, by name; empty for a cell of a class of which the model knows none.
    """

    label: str
    probabilities: tuple[float, ...]
    candidates: tuple[str, ...]
    strange: bool = False
    attributes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """What was found in a cell: calibrated probabilities, 0 to 1, by name.

    Not `reliable` where the cell resembles nothing that the search was taught: a nucleus taken for a red cell, perhaps.
    """

    by_name: Mapping[str, float] = field(default_factory=dict)
    reliable: bool = True


@dataclass(frozen=True)
class Morphometry:
    """What is measured of a red cell.

    `diameter_um` is that of a circle of its area, `circularity` 4π times area by squared perimeter (1 for a circle),
    `elongation` the long by the short axis, `central_pallor` the pale centre's diameter as a share of the cell's (0
    where there is none).
    """

    diameter_um: float
    area_um2: float
    circularity: float
    elongation: float
    central_pallor: float


PLATELET = Verdict("platelet", (), ("platelet",))
"""Platelets have no classifier: the detector's word stands."""

NOT_ASKED = Verdict("", (), ())
"""A cell of a kind that the tile was not read for: counted, not classified; that is not the same as unidentified."""


@dataclass(frozen=True)
class Cell:
    """A cell with its verdict, and what was found in it."""

    detection: Detection
    verdict: Verdict
    findings: Findings = field(default_factory=Findings)
    # Of a red cell that stands alone.
    measured: Morphometry | None = None
