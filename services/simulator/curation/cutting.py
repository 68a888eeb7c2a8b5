"""From a candidate to its cut-out: RGBA at the canonical resolution, as if on white glass."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray

from services.simulator.composer.library import CANONICAL_UM_PER_PX
from services.simulator.curation.glass import Floats, transmittance
from services.simulator.curation.segment import Mask, foreground, is_clean, outline
from services.simulator.curation.sources import Candidate, Source, picture

# Within one film haemoglobin has one colour. Measured median optical densities: 0.21, 0.31, 0.17 in `pbc`, whose
# leukocytes share the film, and 0.11, 0.29, 0.20 in `chula_rbc12`; all red cells are brought between the two.
_FILM_RED_CELL = np.array([0.16, 0.31, 0.185], np.float32)
_GAIN_LIMITS = (0.4, 2.6)
_MARGIN_UM = 0.9


@dataclass(frozen=True)
class Prepared:
    """A picture as light through the specimen (0–1), with all that is not glass marked."""

    light: Floats
    mask: Mask


def prepare(root: Path, source: Source, file: str, *, harmonise: bool) -> Prepared | None:
    """The picture of `file`; None where its red cells are too far from the film's colour to be brought to it."""
    light = transmittance(picture(root, source, file), source.light_order)
    mask = foreground(light, source.um_per_px)
    if not harmonise:
        return Prepared(light, mask)
    gain = np.asarray(_FILM_RED_CELL / np.maximum(red_cell_density(light, mask), 1e-3), np.float32)
    if gain.min() < _GAIN_LIMITS[0] or gain.max() > _GAIN_LIMITS[1]:
        return None
    return Prepared(_as_haemoglobin(light, gain), mask)


def _as_haemoglobin(light: Floats, gain: NDArray[np.float32]) -> Floats:
    """Red cells in the film's colour: mostly their green density, which no lens fringes, in haemoglobin's hue."""
    density = -np.log(light) * gain
    hue = _FILM_RED_CELL / _FILM_RED_CELL[1]
    return np.asarray(np.exp(-(0.75 * density[..., 1:2] * hue + 0.25 * density)), np.float32)


def red_cell_density(light: Floats, mask: Mask) -> NDArray[np.float32]:
    """Median optical density (natural logarithm, RGB) of what is stained but not nucleated."""
    red_light = light[..., 0]
    density = -np.log(light[(mask > 0) & (red_light > 0.55)])
    return np.asarray(np.median(density, axis=0) if len(density) else np.zeros(3), np.float32)


def cut_out(prepared: Prepared, candidate: Candidate, known: Sequence[Candidate]) -> NDArray[np.uint8] | None:
    """H x W x 4 uint8 RGBA of the cell alone, or None where it does not stand clear of its neighbours; `known` are all
    labelled cells of the picture, of which the cut-out may hold no second.
    """
    scale = candidate.source.um_per_px
    found = outline(prepared.mask, candidate.x, candidate.y, scale, candidate.kind)
    if found is None or not is_clean(found, candidate.kind, candidate.label):
        return None
    if sum(found.mask[int(one.y), int(one.x)] > 0 for one in known) > 1:
        return None
    x, y, width, height = cv2.boundingRect(found.mask)
    margin = round(_MARGIN_UM / scale) + 2
    top, left = y - margin, x - margin
    bottom, right = y + height + margin, x + width + margin
    if top < 0 or left < 0 or bottom > found.mask.shape[0] or right > found.mask.shape[1]:
        return None
    window = np.s_[top:bottom, left:right]
    return _canonical(prepared.light[window], found.mask[window], scale)


def _canonical(light: Floats, mask: Mask, um_per_px: float) -> NDArray[np.uint8]:
    ratio = um_per_px / CANONICAL_UM_PER_PX
    grown = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)), iterations=round(0.25 / um_per_px))
    soft = cv2.GaussianBlur(grown, (0, 0), 0.18 / um_per_px)
    rgba = np.dstack([light * 255.0, soft.astype(np.float32)])
    resized = pyvips.Image.new_from_array(np.ascontiguousarray(rgba)).resize(ratio, kernel="lanczos3").numpy()
    pixels = np.asarray(np.clip(np.rint(resized), 0, 255), np.uint8)
    pixels[pixels[..., 3] < 3] = (255, 255, 255, 0)
    return pixels
