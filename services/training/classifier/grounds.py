"""Lays a nucleated cell among the red cells of another laboratory, so that none is known by what lies around it.

Blasts come from one laboratory, whose pictures look like no other's: a network can know them by their red cells. Every
cell that stands alone is now and then moved, so that neither the move nor a cell coarser than its surroundings tells.
"""

import numpy as np
import numpy.typing as npt

from services.analysis.pixels import CANONICAL_UM_PER_PX, Rgb
from services.training.augment import coarsened

_CYTOPLASM_UM = (1.0, 2.8)
"""What is taken along around the nucleus."""
_SOFT_UM = (0.3, 1.2)
_DEEPER = 0.25
"""Standard deviation of the logarithm of the gain of its optical density: how deep nuclei are next to red cells."""
_GLASS_PERCENTILE = 95


def on_other_ground(cell: Rgb, reach: float, ground: Rgb, coarser: float, rng: np.random.Generator) -> Rgb:
    """The middle of the square ``cell`` in that of the ``ground``, of the same side, its light over the ground's glass.

    ``reach`` is how far its nucleus reaches, in pixels; ``coarser`` how much lower its resolution becomes (1: as is).
    """
    side = len(cell)
    turned = np.rot90(ground, int(rng.integers(4)))
    inner = coarsened(cell, coarser) if coarser > 1 else cell
    light = (inner / _glass(cell)) ** np.exp(rng.normal(0, _DEEPER)) * _glass(turned)
    radius = reach + rng.uniform(*_CYTOPLASM_UM) / CANONICAL_UM_PER_PX
    down, across = np.mgrid[:side, :side] - (side - 1) / 2
    soft = rng.uniform(*_SOFT_UM) / CANONICAL_UM_PER_PX
    share = np.clip((radius - np.hypot(down, across)) / soft, 0, 1)[..., None]
    return np.asarray(np.clip(share * light + (1 - share) * turned, 0, 255), np.uint8)


def _glass(picture: Rgb) -> npt.NDArray[np.float64]:
    return np.maximum(np.percentile(picture.reshape(-1, 3), _GLASS_PERCENTILE, axis=0), 1.0)
