"""How a classifier sees a cell: as the service cuts it, or disturbed as in training."""

from collections.abc import Sequence

import numpy as np

from services.analysis.pixels import Rgb, centred_crop
from services.training.augment import degrade, place, placement, restain
from services.training.classifier.cells import Cell
from services.training.classifier.design import Design
from services.training.looks import in_the_look_of

_FRAMED = 0.5
_FRAME = (0.85, 1.0)
"""Some cells are cut out a little smaller first, their edge repeated: one set's pictures end there, the other's not."""


def disturbed(cell: Cell, design: Design, size: int, others: Sequence[Cell], rng: np.random.Generator) -> Rgb:
    """The design's crop of a cell at ``size`` pixels: off centre, turned, of other stain, focus and resolution.

    A share of them, ``design.exchanged``, is shown in the look of one of the ``others``.
    """
    image, x, y = cell.image, cell.x, cell.y
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
        crop = in_the_look_of(crop, others[int(rng.integers(len(others)))].crop(design.crop))
    return degrade(restain(crop, rng, design.strength), rng, design.strength)
