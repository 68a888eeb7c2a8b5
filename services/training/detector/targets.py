"""What the detector should answer for the labelled cells of a crop."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_SPREAD = 0.12
"""Standard deviation of a peak as a share of its cell's side: the boxes of some sets are loose."""
_SIDES_COUNT = (1.0, 3.0, 5.0)
"""How much the sides of a cell of each kind count: leukocytes and platelets are few, and small boxes are soon wrong."""


@dataclass(frozen=True)
class Targets:
    """For one crop of ``size`` places each way."""

    heat: npt.NDArray[np.float32]
    """kinds x size x size, 1 at the place of each centre."""
    known: npt.NDArray[np.float32]
    """kinds x size x size, 0 where it is not known whether there is a cell."""
    sides: npt.NDArray[np.float32]
    """4 x size x size, left, top, right and bottom of the cell around each place."""
    weight: npt.NDArray[np.float32]
    """size x size, how much the sides count."""


def draw(
    boxes: npt.NDArray[np.float32],
    kinds: npt.NDArray[np.int64],
    known: npt.NDArray[np.float32],
    stride: int,
) -> Targets:
    """Targets of cells given as corners (n x 4: left, top, right, bottom); large ones first, so that small ones stay.

    ``known`` is kinds x size x size; places of the peaks become known whatever it says.
    """
    size = known.shape[-1]
    targets = Targets(
        np.zeros_like(known), known.copy(), np.zeros((4, size, size), np.float32), np.zeros((size, size), np.float32)
    )
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for index in np.argsort(-areas):
        _draw_cell(targets, boxes[index] / stride, boxes[index], int(kinds[index]))
    return targets


def _draw_cell(targets: Targets, box: npt.NDArray[np.float32], corners: npt.NDArray[np.float32], kind: int) -> None:
    size = targets.weight.shape[0]
    spread = np.maximum((box[2:] - box[:2]) * _SPREAD, 0.35)
    centre = np.clip(np.floor((box[:2] + box[2:]) / 2).astype(int), 0, size - 1)
    reach = np.ceil(3 * spread).astype(int)
    low, high = np.maximum(centre - reach, 0), np.minimum(centre + reach + 1, size)
    across = np.exp(-((np.arange(low[0], high[0]) - centre[0]) ** 2) / (2 * spread[0] ** 2))
    down = np.exp(-((np.arange(low[1], high[1]) - centre[1]) ** 2) / (2 * spread[1] ** 2))
    peak = np.outer(down, across).astype(np.float32)
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    np.maximum(targets.heat[kind][window], peak, out=targets.heat[kind][window])
    targets.known[kind][window][peak > 0.01] = 1
    inside = peak > 0.1
    counts = _SIDES_COUNT[kind] * np.log1p(box[2] - box[0])
    targets.weight[window][inside] = (peak / peak[inside].sum())[inside] * counts
    targets.sides[:, window[0], window[1]][:, inside] = corners[:, None]
