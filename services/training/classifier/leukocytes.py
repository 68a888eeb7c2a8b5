"""The cells that the leukocytes' classifier learns: single ones, those found in pictures labelled as a whole, those of
other laboratories that were named by reading, and heaps of red cells, which are none.
"""

from collections.abc import Iterator
from pathlib import Path

from services.analysis.pixels import CANONICAL_UM_PER_PX, LEUKOCYTE_CROP, resample
from services.training.classes import LEUKOCYTE_ATTRIBUTES, LEUKOCYTE_LABELS, LEUKOCYTES
from services.training.classifier.attributes import marked
from services.training.classifier.cells import Cell, middle, one_of
from services.training.classifier.heaps import heaps
from services.training.classifier.nuclei import find_nuclei, reach
from services.training.classifier.readings import read_leukocytes
from services.training.manifest import Manifest
from services.training.sources import (
    CROP_SOURCES,
    READ_SOURCES,
    TALEQANI_UM_PER_PX,
    attributes,
    labelled_images,
    read_image,
)
from services.training.splits import Part

_CELLS_OF_AN_IMAGE = 6
_AROUND = 5 * LEUKOCYTE_CROP // 4
"""Side of the picture that is kept around a cell of a field."""
_SEED = 1


def leukocyte_cells(data: Path, manifests: dict[str, Manifest], part: Part) -> list[Cell]:
    """The cells of every set for leukocytes, those that are none among them."""
    single = [cell for source in CROP_SOURCES for cell in _single(data, manifests[source], part)]
    marrow = list(_taleqani(data, manifests["all_taleqani"], part))
    read = [cell for source in READ_SOURCES for cell in read_leukocytes(data, manifests[source], part, _AROUND)]
    piled = [cell for source in READ_SOURCES for cell in heaps(data, manifests[source], part, _AROUND, _SEED)]
    return [*single, *marrow, *read, *piled]


def _single(data: Path, manifest: Manifest, part: Part) -> Iterator[Cell]:
    source, resolution = manifest.source, CROP_SOURCES[manifest.source]
    told = attributes(data, source)
    for item in labelled_images(data, source):
        if manifest.part(item.path) is part:
            image = resample(read_image(item.path), resolution)
            allowed = one_of(LEUKOCYTE_LABELS[item.label], LEUKOCYTES)
            marks = marked(told.get(item.path, {}), LEUKOCYTE_ATTRIBUTES)
            far = reach(image, *middle(image))
            yield Cell(image, *middle(image), item.label, allowed, source, resolution, marks, reach=far)


def _taleqani(data: Path, manifest: Manifest, part: Part) -> Iterator[Cell]:
    for item in labelled_images(data, "all_taleqani"):
        if manifest.part(item.path) is not part:
            continue
        picture = read_image(item.path)
        nuclei = find_nuclei(picture)[:_CELLS_OF_AN_IMAGE]
        allowed = one_of(LEUKOCYTE_LABELS[item.label], LEUKOCYTES)
        largest = resample(picture, max(TALEQANI_UM_PER_PX))
        own = max(TALEQANI_UM_PER_PX) / CANONICAL_UM_PER_PX
        reaches = [reach(largest, x * own, y * own) for x, y in nuclei]
        for resolution in TALEQANI_UM_PER_PX:
            image = resample(picture, resolution)
            scale = resolution / CANONICAL_UM_PER_PX
            for (x, y), far in zip(nuclei, reaches, strict=True):
                near = None if far is None else far * scale / own
                yield Cell(image, x * scale, y * scale, item.label, allowed, "all_taleqani", resolution, reach=near)
