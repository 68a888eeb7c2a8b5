"""The cells that the leukocytes' classifier learns: single ones, and those found in pictures labelled as a whole."""

from collections.abc import Iterator
from pathlib import Path

from services.analysis.pixels import CANONICAL_UM_PER_PX, resample
from services.training.classes import LEUKOCYTE_LABELS, LEUKOCYTES
from services.training.classifier.cells import Cell, middle, one_of
from services.training.classifier.nuclei import find_nuclei
from services.training.manifest import Manifest
from services.training.sources import TALEQANI_UM_PER_PX, labelled_images, read_image, um_per_px
from services.training.splits import Part

_CELLS_OF_AN_IMAGE = 6


def leukocyte_cells(data: Path, manifests: dict[str, Manifest], part: Part) -> list[Cell]:
    """The single cells of the PBC set, and those found in the pictures of the ALL image set."""
    return [*_pbc(data, manifests["pbc"], part), *_taleqani(data, manifests["all_taleqani"], part)]


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
        allowed = one_of(LEUKOCYTE_LABELS[item.label], LEUKOCYTES)
        for resolution in TALEQANI_UM_PER_PX:
            image = resample(picture, resolution)
            scale = resolution / CANONICAL_UM_PER_PX
            for x, y in nuclei:
                yield Cell(image, x * scale, y * scale, item.label, allowed, "all_taleqani", resolution)
