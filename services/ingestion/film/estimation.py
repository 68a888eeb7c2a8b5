"""Measures the stain vectors of a film on sample patches."""

from dataclasses import replace

import cv2
import numpy as np

from services.ingestion.film.raster import TARGET_UM_PER_PX
from services.ingestion.film.sampling import COMMON, LEAST_STAINED_PX, STAINED_OD, Mask, Sample, sampled
from services.ingestion.film.stain import Floats, Pixels, Stain, optical_density

_ROUNDS = 3
_NUCLEUS_PX = 12
_STRENGTH, _CROWDED_STRENGTH = 0.6, 0.5
"""Stain of a nucleus against the strongest; where nuclei cover much they are often blasts, paler than the others."""
_FAINT_OD = 0.02
_FAINT_SHARE = 0.02
_STAINED_SHARE = 0.12
"""Stained part of all that is not glass; unstained films reach 0.09 with the rims of cells and their nuclei."""
_FLOOR = 2e-4

STAINED_NUCLEUS_OD = 0.13
"""Mean over RGB from which nuclei are stained: 0.16 on composed films of a third of the usual stain and 0.19 in pale
blasts, 0.12 at a quarter of the usual stain and 0.05 without."""

ATLAS_NUCLEUS = np.array([0.42, 0.88, 0.20], np.float32)
"""Median nuclear optical density over the fields of DeepBioNet and PBC; used where a film's sample holds no nucleus."""


def estimate(patches: Pixels, fill: tuple[int, int, int] | None, um_per_px: float = TARGET_UM_PER_PX) -> Stain | None:
    """The stain of a film from n x side x side x 3 patches; None when nothing in them is stained.

    `fill` is the colour that stands for tiles which the scan leaves out, None when it holds all: a scanner's fill is no
    glass and must not set the white.
    """
    white = _white(patches, fill)
    density = optical_density(patches.astype(np.float32), white)
    stained, faint = (np.count_nonzero(density.sum(axis=3) > least) for least in (STAINED_OD, _FAINT_OD))
    if stained < max(LEAST_STAINED_PX, _STAINED_SHARE * faint):
        return None
    sample = sampled(patches, density, um_per_px)
    stain = _measured(sample, white)
    if (sample.hazy or sample.crowded) and float(stain.nucleus.mean()) < STAINED_NUCLEUS_OD:
        # Nuclei without stain: what looks like haze are the red cells, and what lies above them are not.
        stain = _measured(sampled(patches, density, um_per_px, as_it_is=True), white)
    return stain


def looks_like_film(patches: Pixels, fill: tuple[int, int, int] | None) -> bool:
    """Whether anything but glass lies in patches in which `estimate` found no stain: plasma, unstained cells."""
    smooth = np.stack([cv2.blur(patch, (3, 3)) for patch in patches])
    density = optical_density(smooth.astype(np.float32), _white(patches, fill)).sum(axis=3)
    return bool(np.mean(density > _FAINT_OD) > _FAINT_SHARE)


def _white(patches: Pixels, fill: tuple[int, int, int] | None) -> Floats:
    pixels = patches.reshape(-1, 3)
    if fill is not None:
        scanned = pixels[(pixels != np.array(fill, np.uint8)).any(axis=1)]
        pixels = scanned if len(scanned) >= LEAST_STAINED_PX else pixels
    green = pixels[:, 1]
    glass = pixels[green > 0.9 * np.percentile(green, 99)]
    return np.asarray(np.median(glass, axis=0), np.float32)


def _measured(sample: Sample, white: Floats) -> Stain:
    erythrocyte = np.maximum(np.median(sample.density[sample.red], axis=0), 0.01).astype(np.float32)
    stain = Stain(white, erythrocyte, ATLAS_NUCLEUS, _isotropic(), nuclei_seen=False)
    # Nuclei absorb green more, against blue, than red cells do in any number of layers.
    opponent = np.array([0, 1, -erythrocyte[1] / erythrocyte[2]], np.float32)
    response = sample.density @ opponent
    for _ in range(_ROUNDS):
        stain = _refined(sample, response, stain)
        response = sample.density @ stain.nuclear_weights
    return _one_layer(sample, stain)


def _refined(sample: Sample, response: Floats, stain: Stain) -> Stain:
    """The vectors again, from what `response` (high in nuclei, about constant in red cells) tells apart."""
    nuclei = _nuclei(response, sample)
    body = sample.red & ~_widened(nuclei, 9)
    if np.count_nonzero(body) < LEAST_STAINED_PX:
        return stain
    red = sample.density[body]
    erythrocyte = np.maximum(np.median(red, axis=0), 0.01).astype(np.float32)
    layers = red @ erythrocyte / (erythrocyte @ erythrocyte)
    scatter = np.cov((red - layers[:, None] * erythrocyte).T) + _FLOOR * np.eye(3)
    seen = np.count_nonzero(nuclei) >= _NUCLEUS_PX
    nucleus = sample.density[nuclei].mean(axis=0) if seen else ATLAS_NUCLEUS
    return Stain(stain.white, erythrocyte, nucleus.astype(np.float32), scatter.astype(np.float32), bool(seen))


def _nuclei(response: Floats, sample: Sample) -> Mask:
    """Pixels of blobs at least 3 px wide that stand far out of the red cells: nuclei, never single platelets."""
    values = response[sample.red]
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle))) + 1e-3
    eroded = np.stack([cv2.erode(patch, np.ones((3, 3), np.uint8)) for patch in response])
    inner = np.sort(eroded[sample.stained])
    strongest = float(inner[-max(15, len(inner) // 5000) :].mean())
    share = _CROWDED_STRENGTH if sample.crowded else _STRENGTH
    threshold = max(middle + 4 * spread, share * strongest + (1 - share) * middle)
    return _widened(eroded > threshold, 3) & (response > 0.9 * threshold)


def _one_layer(sample: Sample, stain: Stain) -> Stain:
    """Scaled so that the darkest common colour of thin patches counts one layer: pallor and pale parts lie below it,
    and overlaps are rarer there.
    """
    layers = sample.density[sample.red] @ stain.layer_weights
    counts, steps = np.histogram(layers, bins=120, range=(0.3, 3.9))
    smooth = np.convolve(counts, np.hanning(11), mode="same")
    common = smooth > COMMON * smooth.max()
    peak = (smooth >= np.roll(smooth, 1)) & (smooth >= np.roll(smooth, -1)) & common
    one = float(steps[int(np.flatnonzero(peak)[-1])] + (steps[1] - steps[0]) / 2)
    return replace(stain, erythrocyte=stain.erythrocyte * np.float32(one))


def _widened(masks: Mask, side: int) -> Mask:
    kernel = np.ones((side, side), np.uint8)
    return np.stack([cv2.dilate(mask.astype(np.uint8), kernel) for mask in masks]).astype(bool)


def _isotropic() -> Floats:
    return (_FLOOR * np.eye(3)).astype(np.float32)
