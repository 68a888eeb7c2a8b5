"""The cells that the erythrocytes' classifier learns: shapes of two sets, and ordinary cells of other laboratories."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from services.analysis.pixels import CANONICAL_UM_PER_PX, ERYTHROCYTE_CROP, resample
from services.training.classes import ERYTHROCYTE_LABELS, ERYTHROCYTES
from services.training.classifier.cells import Cell, middle, one_of, surroundings
from services.training.classifier.ordinary import ordinary_cells
from services.training.labels import mended
from services.training.manifest import Manifest
from services.training.sources import (
    CHULA_UM_PER_PX,
    DETECTION_SOURCES,
    ERYTHROCYTES_IDB_UM_PER_PX,
    LabelledPoint,
    detection_fields,
    labelled_images,
    labelled_points,
    read_image,
)
from services.training.splits import Part

_ORDINARY_OF_A_FIELD = 4
_AROUND = 2 * ERYTHROCYTE_CROP
"""Side of the picture that is kept around an ordinary cell."""
_UNCATEGORISED = "uncategorised"


def erythrocyte_cells(data: Path, manifests: dict[str, Manifest], part: Part) -> list[Cell]:
    """The categorised cells of the Chula set, those of erythrocytesIDB, and ordinary cells of other laboratories."""
    labelled = [
        cell
        for path, points in labelled_points(data, "chula_rbc12").items()
        if manifests["chula_rbc12"].part(path) is part
        for resolution in CHULA_UM_PER_PX
        for cell in _chula(path, points, resolution)
    ]
    ordinary = [cell for source in DETECTION_SOURCES for cell in _ordinary(data, manifests[source], source, part)]
    return [*labelled, *_sickling(data, manifests["erythrocytes_idb"], part), *ordinary]


def _chula(path: Path, points: Sequence[LabelledPoint], resolution: float) -> Iterator[Cell]:
    image = resample(read_image(path), resolution)
    scale = resolution / CANONICAL_UM_PER_PX
    for point in points:
        if point.label != _UNCATEGORISED:
            allowed = one_of(ERYTHROCYTE_LABELS[point.label], ERYTHROCYTES)
            yield Cell(image, point.x * scale, point.y * scale, point.label, allowed, "chula_rbc12", resolution)


def _sickling(data: Path, manifest: Manifest, part: Part) -> Iterator[Cell]:
    for picture in labelled_images(data, "erythrocytes_idb"):
        if manifest.part(picture.path) is part:
            allowed = one_of(ERYTHROCYTE_LABELS[picture.label], ERYTHROCYTES)
            for resolution in ERYTHROCYTES_IDB_UM_PER_PX:
                image = resample(read_image(picture.path), resolution)
                yield Cell(image, *middle(image), picture.label, allowed, picture.source, resolution)


def _ordinary(data: Path, manifest: Manifest, source: str, part: Part) -> Iterator[Cell]:
    allowed = one_of(("normal",), ERYTHROCYTES)
    for field in mended(detection_fields(data, source)):
        centres = ordinary_cells(field.boxes, _ORDINARY_OF_A_FIELD)
        if not centres or manifest.part(field.path) is not part:
            continue
        for around in surroundings(field, centres, _AROUND):
            yield Cell(around, *middle(around), "normal", allowed, source, field.um_per_px)
