"""The pictures of a demonstration: the slide with what was read, and its cells by class."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.ingestion import open_slide
from services.ingestion.film import map_film
from services.ingestion.film.picture import overview, png
from services.ingestion.readings import question_of
from services.ingestion.tiles import Region
from services.kit.contracts import Field, Report
from services.kit.objects import Objects
from services.review.contact_sheet import ShownCell, contact_sheet
from services.review.crops import Crops


def write_overview(report: Report, scan: Path, path: Path) -> None:
    """The slide with its film map and the fields that the report rests on, as PNG."""
    read = [_place(field) for field in report.fields if not field.HasField("rejected")]
    with open_slide(scan) as slide:
        path.write_bytes(png(overview(slide, map_film(slide), read)))


def write_contact_sheet(report: Report, objects: Objects, path: Path) -> None:
    """The cells behind the report by class, as PNG."""
    path.write_bytes(contact_sheet(shown_cells(objects.get(report.cells_uri)), Crops(objects)))


def shown_cells(lines: bytes) -> Iterator[ShownCell]:
    """The cells of a report's tiles (JSON lines) that have a label: those that were classified, and platelets."""
    for line in lines.splitlines():
        yield from (_shown(cell) for cell in json.loads(line)["cells"] if cell["label"])


def _shown(cell: Mapping[str, Any]) -> ShownCell:
    kind = cell["kind"].removeprefix("KIND_").lower()
    return ShownCell(cell["cell_id"], kind, cell["label"], max(cell["probabilities"], default=0.0), cell["crop_uri"])


def _place(field: Field) -> tuple[Region, Sequence[str]]:
    core = Region(field.core.x_um, field.core.y_um, field.core.width_um, field.core.height_um)
    return core, [question_of(question) for question in field.questions]
