"""Random training crops of fields, at half resolution, with their targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from services.analysis.pixels import CANONICAL_UM_PER_PX, Rgb, resample
from services.training.augment import Strength, degrade, place, placement, restain
from services.training.classes import KINDS
from services.training.detector.targets import Targets, draw
from services.training.labels import mended
from services.training.manifest import Manifest
from services.training.sources import DETECTION_SOURCES, Field, detection_fields, read_image
from services.training.splits import Part

CROP = 256
"""Side of a crop in pixels at half resolution: 70 µm."""
STRIDE = 4
_STRENGTH = Strength(stain=0.22, tint=0.10, blur=0.25, jpeg=0.15, noise=0.15)
_SMALL = (0.5, 0.8)
_SMALL_SHARE = 0.08
"""Now and then cells look much smaller: pictures come with a µm/px that is wrong."""
_RARE_SHARE = 0.6
_MARGIN = 0.75
_INCOMPLETE = ("iml_malaria",)
"""Sets in which some cells have no box: what is dark and unboxed there is neither a cell nor none."""

Labelled = tuple[Rgb, npt.NDArray[np.float32], npt.NDArray[np.int64]]
"""A crop with the corners and kinds of its cells."""


@dataclass(frozen=True)
class LoadedField:
    """A field at canonical resolution."""

    image: Rgb
    corners: npt.NDArray[np.float32]
    """n x 4: left, top, right, bottom of each cell in pixels of the image."""
    kinds: npt.NDArray[np.int64]
    complete: bool
    source: str


def load_field(field: Field) -> LoadedField:
    """Reads and resamples a field, and its boxes with it, as the running service does."""
    image = resample(read_image(field.path), field.um_per_px)
    scale = field.um_per_px / CANONICAL_UM_PER_PX
    rows = [(b.x, b.y, b.x + b.width, b.y + b.height) for b in field.boxes]
    corners = np.array(rows, np.float32).reshape(-1, 4) * scale
    kinds = np.array([KINDS.index(b.kind) for b in field.boxes], np.int64)
    return LoadedField(image, corners, kinds, field.source not in _INCOMPLETE, field.source)


def load_part(data: Path, manifests: dict[str, Manifest], part: Part, *, repaired: bool = True) -> list[LoadedField]:
    """All fields of one part at canonical resolution; labels mended, unless wanted as they are."""
    fields = [field for source in DETECTION_SOURCES for field in detection_fields(data, source)]
    chosen = [field for field in fields if manifests[field.source].part(field.path) is part]
    if repaired:
        chosen = mended(chosen)
    return [load_field(field) for field in chosen]


def random_crop(fields: Sequence[LoadedField], index: int, rng: np.random.Generator) -> tuple[Rgb, Targets]:
    """A changed crop around some place of a field; of a field smaller than a crop, it and three others side by side."""
    field = fields[index]
    if max(field.image.shape[:2]) > CROP:
        crop, corners, kinds = _cut(field, rng, CROP)
    else:
        others = [i for i in rng.integers(len(fields), size=48) if max(fields[i].image.shape[:2]) <= CROP]
        crop, corners, kinds = _quartered([field, *(fields[i] for i in (others + [index] * 3)[:3])], rng)
    known = _known(crop, corners, field.complete)
    changed = degrade(restain(crop, rng, _STRENGTH), rng, _STRENGTH)
    return changed, draw(corners, kinds, known, STRIDE)


def _cut(field: LoadedField, rng: np.random.Generator, size: int) -> Labelled:
    scale = rng.uniform(*_SMALL) if rng.random() < _SMALL_SHARE else float(np.exp(rng.normal(0, 0.12)))
    place_at = _somewhere(field, rng, size)
    matrix = placement(
        place_at, size, scale=0.5 * scale, quarter_turns=int(rng.integers(4)), mirrored=bool(rng.integers(2))
    )
    return place(field.image, matrix, size), *_moved(field, matrix, size)


def _quartered(fields: Sequence[LoadedField], rng: np.random.Generator) -> Labelled:
    half = CROP // 2
    crop = np.empty((CROP, CROP, 3), np.uint8)
    corners, kinds = [], []
    for quarter, field in enumerate(fields):
        left, top = quarter % 2 * half, quarter // 2 * half
        crop[top : top + half, left : left + half], boxes, own = _cut(field, rng, half)
        corners.append(boxes + np.array([left, top, left, top], np.float32))
        kinds.append(own)
    return crop, np.concatenate(corners), np.concatenate(kinds)


def _somewhere(field: LoadedField, rng: np.random.Generator, size: int) -> tuple[float, float]:
    """Mostly near a leukocyte or a platelet, which are rare, otherwise anywhere.

    The crop leaves the field by a quarter of its side at most, where the field is larger than the crop.
    """
    height, width = field.image.shape[:2]
    limits = np.array([width, height], np.float64)
    margin = np.minimum(size * _MARGIN, limits / 2)
    rare = np.flatnonzero(field.kinds != KINDS.index("erythrocyte"))
    if len(rare) and rng.random() < _RARE_SHARE:
        box = field.corners[rng.choice(rare)]
        middle = (box[:2] + box[2:]) / 2 + rng.uniform(-size * 0.8, size * 0.8, 2)
        middle = np.clip(middle, margin, limits - margin)
    else:
        middle = rng.uniform(margin, limits - margin)
    return float(middle[0]), float(middle[1])


def _moved(
    field: LoadedField, matrix: npt.NDArray[np.float64], size: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    points = field.corners.reshape(-1, 2, 2) @ matrix[:, :2].T + matrix[:, 2]
    low, high = points.min(axis=1), points.max(axis=1)
    clipped = np.clip(np.concatenate([low, high], axis=1), 0, size).astype(np.float32)
    visible = np.prod(clipped[:, 2:] - clipped[:, :2], axis=1) >= 0.15 * np.prod(high - low, axis=1)
    return clipped[visible], field.kinds[visible]


def _known(crop: Rgb, corners: npt.NDArray[np.float32], complete: bool) -> npt.NDArray[np.float32]:
    size = CROP // STRIDE
    if complete:
        return np.ones((len(KINDS), size, size), np.float32)
    small = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)[..., 1]
    threshold = cv2.threshold(small, 0, 255, cv2.THRESH_OTSU)[0]
    clear = cv2.erode((small > threshold).astype(np.float32), np.ones((3, 3), np.uint8))
    known = np.repeat(clear[None], len(KINDS), axis=0)
    for left, top, right, bottom in (corners / STRIDE).astype(int):
        known[:, top:bottom, left:right] = 1
    return np.asarray(known, np.float32)
