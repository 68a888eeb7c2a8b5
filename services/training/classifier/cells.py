"""Labelled cells as the classifiers learn them: a picture at canonical resolution and a place in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from services.analysis.pixels import CANONICAL_UM_PER_PX, ERYTHROCYTE_CROP, Rgb, centred_crop, resample
from services.training.classes import ERYTHROCYTES, LEUKOCYTE_LABELS, LEUKOCYTES
from services.training.classifier.nuclei import find_nuclei
from services.training.classifier.ordinary import ordinary_cells
from services.training.labels import mended
from services.training.manifest import Manifest
from services.training.sources import (
    CHULA_UM_PER_PX,
    DETECTION_SOURCES,
    TALEQANI_UM_PER_PX,
    LabelledPoint,
    detection_fields,
    labelled_images,
    labelled_points,
    read_image,
    um_per_px,
)
from services.training.splits import Part

_CELLS_OF_AN_IMAGE = 6
_ORDINARY_OF_A_FIELD = 4
_AROUND = 2 * ERYTHROCYTE_CROP
"""Side of the picture that is kept around an ordinary cell: its field is not held in memory for it."""
_UNCATEGORISED = "uncategorised"


@dataclass(frozen=True)
class Cell:
    """A labelled cell; place in pixels of its picture."""

    image: Rgb
    x: float
    y: float
    label: str
    """As the data set names it."""
    allowed: npt.NDArray[np.bool_]
    """Which classes that name allows, in the order of the classes."""
    source: str
    um_per_px: float
    """What the picture was taken at."""

    @property
    def target(self) -> int:
        """The index of its class, or -1 where several are allowed."""
        return int(np.argmax(self.allowed)) if self.allowed.sum() == 1 else -1

    def crop(self, size: int) -> Rgb:
        """The pixels the running service would give a classifier."""
        return centred_crop(self.image, self.x, self.y, size)


def leukocyte_cells(data: Path, manifests: dict[str, Manifest], part: Part) -> list[Cell]:
    """The single cells of the PBC set, and those found in the pictures of the ALL image set."""
    return [*_pbc(data, manifests["pbc"], part), *_taleqani(data, manifests["all_taleqani"], part)]


def erythrocyte_cells(data: Path, manifests: dict[str, Manifest], part: Part) -> list[Cell]:
    """The labelled cells of the Chula set, the uncategorised left out, and ordinary cells of other laboratories."""
    labelled = [
        cell
        for path, points in labelled_points(data, "chula_rbc12").items()
        if manifests["chula_rbc12"].part(path) is part
        for resolution in CHULA_UM_PER_PX
        for cell in _chula(path, points, resolution)
    ]
    ordinary = [cell for source in DETECTION_SOURCES for cell in _ordinary(data, manifests[source], source, part)]
    return [*labelled, *ordinary]


def targets(cells: Sequence[Cell]) -> npt.NDArray[np.int64]:
    """The class index of each cell, -1 where its label allows several."""
    return np.array([cell.target for cell in cells], np.int64)


def _chula(path: Path, points: Sequence[LabelledPoint], resolution: float) -> Iterator[Cell]:
    image = resample(read_image(path), resolution)
    scale = resolution / CANONICAL_UM_PER_PX
    for point in points:
        if point.label != _UNCATEGORISED:
            allowed = _one_of((point.label,), ERYTHROCYTES)
            yield Cell(image, point.x * scale, point.y * scale, point.label, allowed, "chula_rbc12", resolution)


def _ordinary(data: Path, manifest: Manifest, source: str, part: Part) -> Iterator[Cell]:
    allowed = _one_of(("normal",), ERYTHROCYTES)
    for field in mended(detection_fields(data, source)):
        centres = ordinary_cells(field.boxes, _ORDINARY_OF_A_FIELD)
        if not centres or manifest.part(field.path) is not part:
            continue
        image = resample(read_image(field.path), field.um_per_px)
        scale = field.um_per_px / CANONICAL_UM_PER_PX
        for x, y in centres:
            around = centred_crop(image, x * scale, y * scale, _AROUND)
            yield Cell(around, _AROUND / 2, _AROUND / 2, "normal", allowed, source, field.um_per_px)


def _pbc(data: Path, manifest: Manifest, part: Part) -> Iterator[Cell]:
    resolution = um_per_px("pbc")
    for item in labelled_images(data, "pbc"):
        if manifest.part(item.path) is part:
            image = resample(read_image(item.path), resolution)
            middle = (image.shape[1] / 2, image.shape[0] / 2)
            allowed = _one_of(LEUKOCYTE_LABELS[item.label], LEUKOCYTES)
            yield Cell(image, *middle, item.label, allowed, "pbc", resolution)


def _taleqani(data: Path, manifest: Manifest, part: Part) -> Iterator[Cell]:
    for item in labelled_images(data, "all_taleqani"):
        if manifest.part(item.path) is not part:
            continue
        picture = read_image(item.path)
        nuclei = find_nuclei(picture)[:_CELLS_OF_AN_IMAGE]
        allowed = _one_of(LEUKOCYTE_LABELS[item.label], LEUKOCYTES)
        for resolution in TALEQANI_UM_PER_PX:
            image = resample(picture, resolution)
            scale = resolution / CANONICAL_UM_PER_PX
            for x, y in nuclei:
                yield Cell(image, x * scale, y * scale, item.label, allowed, "all_taleqani", resolution)


def _one_of(names: Sequence[str], classes: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.array([name in names for name in classes])
