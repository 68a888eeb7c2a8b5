"""The red cells that the search for malaria parasites learns: infected ones of one set, uninfected ones of all.

Films of the other sets are taken for uninfected. Platelets on a red cell are what is most often taken for a parasite,
so red cells with one come before others. What a detector may take for a red cell is among the uninfected too:
leukocytes, erythroblasts and platelets, whose nuclei are stained as parasites are.
"""

from collections.abc import Iterator
from pathlib import Path

from services.analysis.pixels import ERYTHROCYTE_CROP, Rgb, centred_crop, resample
from services.training.classes import PLASMODIUM
from services.training.classifier.cells import Cell, centre, middle, one_of, surroundings
from services.training.classifier.ordinary import spread
from services.training.labels import mended
from services.training.manifest import Manifest
from services.training.sources import (
    CHULA_UM_PER_PX,
    CROP_SOURCES,
    Box,
    Field,
    detection_fields,
    labelled_images,
    labelled_points,
    read_image,
)
from services.training.splits import Part

INFECTED_SOURCE = "iml_malaria"
UNINFECTED_SOURCES = ("deepbionet", "txl_pbc")
NUCLEATED_SOURCE = "pbc"
_DIFFICULT = "difficult"
"""Label of cells on which the annotators did not agree; they are left out."""
_UNINFECTED = PLASMODIUM[0]
_UNDER_PLATELETS_OF_A_FIELD, _PLATELETS_OF_A_FIELD, _LEUKOCYTES_OF_A_FIELD = 3, 2, 2
_OF_A_FIELD = {Part.TRAIN: 10, Part.VALIDATION: 40, Part.TEST: 200}
"""Uninfected cells of each field: how rare the false alarms are can be told by many only."""
_AROUND = 2 * ERYTHROCYTE_CROP
"""Side of the picture that is kept around a cell."""


def plasmodium_cells(data: Path, manifests: dict[str, Manifest], part: Part) -> list[Cell]:
    """Every infected cell, and of each field some uninfected ones."""
    fields = [
        field
        for source in (INFECTED_SOURCE, *UNINFECTED_SOURCES)
        for field in mended(detection_fields(data, source))
        if manifests[source].part(field.path) is part
    ]
    labelled = [cell for field in fields for cell in _of_field(field, _OF_A_FIELD[part])]
    nucleated = _nucleated(data, manifests[NUCLEATED_SOURCE], part)
    return [*labelled, *_chula(data, manifests["chula_rbc12"], part), *nucleated]


def _of_field(field: Field, most: int) -> Iterator[Cell]:
    infected = [box for box in field.boxes if box.label in PLASMODIUM]
    plain = [box for box in field.boxes if box.kind == "erythrocyte" and box.label not in (*PLASMODIUM, _DIFFICULT)]
    platelets = [box for box in field.boxes if box.kind == "platelet"]
    under = [box for box in plain if any(_holds(box, platelet) for platelet in platelets)]
    chosen = [
        *infected,
        *spread(under, _UNDER_PLATELETS_OF_A_FIELD),
        *spread(platelets, _PLATELETS_OF_A_FIELD),
        *spread([box for box in field.boxes if box.kind == "leukocyte"], _LEUKOCYTES_OF_A_FIELD),
        *spread([box for box in plain if box not in under], most),
    ]
    for box, around in zip(chosen, surroundings(field, [centre(box) for box in chosen], _AROUND), strict=True):
        yield _cell(around, box.label if box in infected else _UNINFECTED, field.source, field.um_per_px)


def _chula(data: Path, manifest: Manifest, part: Part) -> Iterator[Cell]:
    """Cells of films without malaria, of every shape."""
    for path, points in labelled_points(data, "chula_rbc12").items():
        if manifest.part(path) is part:
            for resolution in CHULA_UM_PER_PX:
                field = Field("chula_rbc12", path, resolution, ())
                chosen = spread(points, _OF_A_FIELD[part])
                for around in surroundings(field, [(point.x, point.y) for point in chosen], _AROUND):
                    yield _cell(around, _UNINFECTED, field.source, resolution)


def _nucleated(data: Path, manifest: Manifest, part: Part) -> Iterator[Cell]:
    """Single leukocytes, erythroblasts and platelets."""
    resolution = CROP_SOURCES[manifest.source]
    for item in labelled_images(data, manifest.source):
        if manifest.part(item.path) is part:
            image = resample(read_image(item.path), resolution)
            yield _cell(centred_crop(image, *middle(image), _AROUND), _UNINFECTED, manifest.source, resolution)


def _cell(around: Rgb, label: str, source: str, um_per_px: float) -> Cell:
    return Cell(around, *middle(around), label, one_of((label,), PLASMODIUM), source, um_per_px)


def _holds(cell: Box, platelet: Box) -> bool:
    x, y = centre(platelet)
    return cell.x <= x < cell.x + cell.width and cell.y <= y < cell.y + cell.height
