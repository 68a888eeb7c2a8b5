"""Which pixels of the sample patches tell the colour of one layer of red cells, and which lie there beside them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.ingestion.film.focus import blur_px, edges
from services.ingestion.film.stain import Floats, Pixels

Mask = NDArray[np.bool_]

STAINED_OD = 0.07
"""Sum over the channels from which a pixel is more than glass and plasma, and below that of a pale red cell."""

HAZE_OD = 0.11
"""Sum over the channels that dried plasma reaches in thick parts; red cells of a film that is stained have more."""

BLURRED_UM = 0.7
"""Width of edges in a patch from which it is blurred; sharp patches have 0 to 0.6, and 1.1 where 3 µm out of focus.
Blur thins the colour of cells and fills the gaps between them."""

LEAST_STAINED_PX = 400
_THIN = (0.02, 0.75)

COMMON = 0.3
"""Height against the tallest from which a peak of a histogram is a colour of the film and not of a few cells."""

_HAZE_STEP = 0.01
_LEAST_CELLS = 0.1
_CELLS_BY_HAZE = 2.5
"""Colour of one layer against haze; two layers of pale cells have twice the colour of one."""

_HUE_OD = 0.15
_HUE_STEPS = 48
_HUE_RANGE = (0.0, 1.2)
_CROWDED = 0.25
"""Share of other hues from which nuclei and cytoplasm set the median; usual films have 0.06 to 0.2."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Optical densities (patch, row, column, channel), which pixels are stained, and which of those have the hue of red
    cells: all, unless nuclei and cytoplasm cover so much (`crowded`) that the median colour would be theirs. `hazy`:
    much haze lay between the cells and was left out.
    """

    density: Floats
    stained: Mask
    red: Mask
    crowded: bool
    hazy: bool


def sampled(patches: Pixels, density: Floats, um_per_px: float, *, as_it_is: bool = False) -> Sample:
    """The sharp patches where cells lie side by side, which show the colour of one layer; all, where there are none.

    `as_it_is`, all that is stained is taken for red cells, however much haze or nuclei seem to lie between them.
    """
    stained = density.sum(axis=3) > STAINED_OD
    share = stained.mean(axis=(1, 2))
    thin = (share > _THIN[0]) & (share < _THIN[1])
    sharp = _sharp(patches, um_per_px)
    if np.count_nonzero(stained[thin & sharp]) >= LEAST_STAINED_PX:
        thin &= sharp
    if thin.any():
        density, stained = density[thin], stained[thin]
    if as_it_is:
        return Sample(density, stained, stained, crowded=False, hazy=False)
    faintest = _faintest(density[stained].sum(axis=1))
    stained = density.sum(axis=3) > faintest
    hazy, red = faintest > STAINED_OD, _of_red_hue(density, stained)
    return Sample(density, stained, stained if red is None else red, crowded=red is not None, hazy=hazy)


def _sharp(patches: Pixels, um_per_px: float) -> Mask:
    energies = [edges(np.ascontiguousarray(patch[..., 1])) for patch in patches]
    sharp, softened = (
        np.array([np.mean(getattr(each, name)) for each in energies], np.float32) for name in ("sharp", "softened")
    )
    return np.asarray(blur_px(sharp, softened) * um_per_px < BLURRED_UM)


def _faintest(totals: Floats) -> float:
    """Optical density (sum over the channels) from which a pixel is a cell's, given those of all that is stained.

    Where cells are few, more pixels show plasma than cells, and its colour would be taken for that of one layer.
    """
    counts, steps = np.histogram(totals, bins=round(0.6 / _HAZE_STEP), range=(STAINED_OD, STAINED_OD + 0.6))
    smooth = np.convolve(counts, np.hanning(7) / 3, mode="same")
    haze = int(np.argmax(smooth[: round((HAZE_OD - STAINED_OD) / _HAZE_STEP)]))
    first = round((_CELLS_BY_HAZE * (steps[haze] + _HAZE_STEP / 2) - STAINED_OD) / _HAZE_STEP)
    cells = first + int(np.argmax(smooth[first:]))
    valley = haze + int(np.argmin(smooth[haze : cells + 1]))
    apart = smooth[cells] > 1.5 * smooth[valley]
    if apart and _LEAST_CELLS * smooth[haze] < smooth[cells] < COMMON * smooth[haze]:
        return float(steps[valley])
    return STAINED_OD


def _of_red_hue(density: Floats, stained: Mask) -> Mask | None:
    """The pixels of the red cells' hue, which absorb most blue against green; None unless other hues cover much."""
    green, blue = density[..., 1], density[..., 2]
    coloured = stained & (density.sum(axis=3) > _HUE_OD)
    hue = blue / np.maximum(green, 0.01)
    seen = hue[coloured]
    if seen.size < LEAST_STAINED_PX:
        return None
    counts, steps = np.histogram(seen, bins=_HUE_STEPS, range=_HUE_RANGE)
    smooth = np.convolve(counts, np.hanning(7), mode="same")
    peak = (smooth >= np.roll(smooth, 1)) & (smooth >= np.roll(smooth, -1)) & (smooth > COMMON * smooth.max())
    middle = float(steps[int(np.flatnonzero(peak)[-1])] + (steps[1] - steps[0]) / 2)
    reach = float(np.percentile(seen[seen >= middle], 95)) - middle if (seen >= middle).any() else 0.0
    if np.mean(seen < middle - reach) < _CROWDED:
        return None
    return np.asarray(coloured & (np.abs(hue - middle) <= reach))
