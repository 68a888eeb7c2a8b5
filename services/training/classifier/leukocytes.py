"""The cells that the leukocytes' classifier learns: by class, by kind alone, and what is no such cell."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from services.analysis.pixels import CANONICAL_UM_PER_PX, LEUKOCYTE_CROP, Rgb, resample
from services.training.classes import KIND_LABELS, LEUKOCYTE_LABELS, LEUKOCYTES, MAYBE_OTHER, UNLIKE_ANY
from services.training.classifier.cells import Cell, centre, middle, one_of, surroundings
from services.training.classifier.nuclei import find_nuclei
from services.training.classifier.others import made_pictures, other_places
from services.training.labels import mended
from services.training.manifest import Manifest
from services.training.sources import (
    DETECTION_SOURCES,
    TALEQANI_UM_PER_PX,
    TXL_OF_PBC_UM_PER_PX,
    detection_fields,
    labelled_images,
    read_image,
    um_per_px,
)
from services.training.splits import Part

MADE = "made"
"""The source of pictures that no set offers."""
_MADE = {Part.TRAIN: 800, Part.VALIDATION: 160, Part.TEST: 240}
_MADE_FROM_EACH = 10
"""One in so many of the cells lends its pieces to what is made."""
_CELLS_OF_AN_IMAGE = 6
_OTHERS_OF_A_FIELD = 1
_AROUND = 3 * LEUKOCYTE_CROP // 2
"""Side of the picture that is kept around a cell of a field."""


def leukocyte_cells(data: Path, manifests: dict[str, Manifest], part: Part) -> list[Cell]:
    """Cells by class of the PBC and ALL image sets; of fields, cells known by kind alone; and what is no such cell."""
    by_class = [*_pbc(data, manifests["pbc"], part), *_taleqani(data, manifests["all_taleqani"], part)]
    by_kind = [cell for source in DETECTION_SOURCES for cell in _of_fields(data, manifests[source], source, part)]
    return [*by_class, *by_kind, *_made([cell.image for cell in by_class[::_MADE_FROM_EACH]], part)]


def _pbc(data: Path, manifest: Manifest, part: Part) -> Iterator[Cell]:
    resolution = um_per_px("pbc")
    for item in labelled_images(data, "pbc"):
        if manifest.part(item.path) is part:
            image = resample(read_image(item.path), resolution)
            allowed = one_of(LEUKOCYTE_LABELS[item.label], LEUKOCYTES)
            yield Cell(image, *middle(image), item.label, allowed, "pbc", resolution)


def _taleqani(data: Path, manifest: Manifest, part: Part) -> Iterator[Cell]:
    for item in labelled_images(data, "all_taleqani"):
        if manifest.part(item.path) is not part:
            continue
        picture = read_image(item.path)
        nuclei = find_nuclei(picture)[:_CELLS_OF_AN_IMAGE]
        allowed, other = one_of(LEUKOCYTE_LABELS[item.label], LEUKOCYTES), item.label in MAYBE_OTHER
        for resolution in TALEQANI_UM_PER_PX:
            image = resample(picture, resolution)
            scale = resolution / CANONICAL_UM_PER_PX
            for x, y in nuclei:
                yield Cell(image, x * scale, y * scale, item.label, allowed, "all_taleqani", resolution, other)


def _of_fields(data: Path, manifest: Manifest, source: str, part: Part) -> Iterator[Cell]:
    """Leukocytes and platelets of other laboratories, and red cells as what is neither."""
    for field in mended(detection_fields(data, source)):
        if field.um_per_px == TXL_OF_PBC_UM_PER_PX or manifest.part(field.path) is not part:
            continue  # the pictures of PBC are here by class already, divided by their own manifest
        places = [(kind, centre(box)) for kind in KIND_LABELS for box in field.boxes if box.kind == kind]
        places += [(UNLIKE_ANY, place) for place in other_places(field.boxes, field.um_per_px, _OTHERS_OF_A_FIELD)]
        pictures = surroundings(field, [place for _, place in places], _AROUND)
        for (label, _), around in zip(places, pictures, strict=True):
            allowed, other = one_of(KIND_LABELS.get(label, ()), LEUKOCYTES), label == UNLIKE_ANY
            yield Cell(around, *middle(around), label, allowed, source, field.um_per_px, other)


def _made(cells: Sequence[Rgb], part: Part) -> Iterator[Cell]:
    allowed = one_of((), LEUKOCYTES)
    seed = list(Part).index(part)
    for image in made_pictures(cells, _MADE[part], _AROUND, seed):
        yield Cell(image, *middle(image), UNLIKE_ANY, allowed, MADE, CANONICAL_UM_PER_PX, other=True)
