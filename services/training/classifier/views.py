"""How a classifier sees a cell: as the service cuts it, or disturbed as in training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from services.analysis.pixels import Rgb, centred_crop
from services.training.augment import degrade, place, placement, restain
from services.training.classifier.cells import Cell
from services.training.classifier.design import Design
from services.training.classifier.grounds import on_other_ground
from services.training.looks import in_the_look_of

_FRAMED = 0.5
_FRAME = (0.85, 1.0)
"""Some cells are cut out a little smaller first, their edge repeated: one set's pictures end there, the other's not."""


@dataclass(frozen=True)
class Company:
    """The cells among which one is disturbed: those whose look it may take, those on whose ground it may lie."""

    looks: Sequence[Cell]
    grounds: Sequence[Cell]

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Self:
        """Of all of them: the looks of any, the ground of the bare ones."""
        return cls(cells, [cell for cell in cells if cell.bare])


def disturbed(cell: Cell, design: Design, size: int, others: Company, rng: np.random.Generator) -> Rgb:
    """The design's crop of a cell at ``size`` pixels: off centre, turned, of other stain, focus and resolution.

    A share of them, ``design.exchanged``, is shown in the look of one of the ``others``, and of those that stand alone
    a share, ``design.moved``, on the ground of one.
    """
    image, x, y = cell.image, cell.x, cell.y
    if cell.reach is not None and others.grounds and rng.random() < design.moved:
        image = on_ground_of(cell, design, others, rng)
        x = y = len(image) / 2
    if rng.random() < _FRAMED:
        side = round(design.crop * rng.uniform(*_FRAME))
        image, x, y = centred_crop(image, x, y, side), side / 2, side / 2
    matrix = placement(
        (x + rng.normal(0, design.shift), y + rng.normal(0, design.shift)),
        size,
        scale=size / design.crop * float(np.exp(rng.normal(0, design.zoom))),
        quarter_turns=int(rng.integers(4)),
        mirrored=bool(rng.integers(2)),
        degrees=float(rng.uniform(-45, 45)),
    )
    crop = place(image, matrix, size)
    if rng.random() < design.exchanged:
        crop = in_the_look_of(crop, one_of_them(others.looks, rng).crop(design.crop))
    return degrade(restain(crop, rng, design.strength), rng, design.strength)


def on_ground_of(cell: Cell, design: Design, others: Company, rng: np.random.Generator) -> Rgb:
    """A cell on the ground of another, a share of them coarser. Raises ValueError for one that does not stand alone."""
    if cell.reach is None:
        raise ValueError("the cell does not stand alone")
    side = design.crop + design.crop // 4
    strength = design.strength
    coarser = rng.uniform(1.0, strength.coarsest) if rng.random() < strength.coarsen else 1.0
    return on_other_ground(cell.crop(side), cell.reach, one_of_them(others.grounds, rng).crop(side), coarser, rng)


def one_of_them(cells: Sequence[Cell], rng: np.random.Generator) -> Cell:
    """Any of the cells."""
    return cells[int(rng.integers(len(cells)))]
