"""Cells as other services read them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from services.analysis import cells as domain
from services.analysis.cards import ClassifierCard, ModelCard
from services.analysis.cells import Detection, Kind, Placement
from services.analysis.detection import pixel
from services.kit.contracts import Attribute, Cell, Model, Morphometry, Reason, Region, Tile, TileCells
from services.kit.contracts import Kind as KindCode

UNREADABLE = "tile_unreadable"
_KIND_CODES = {
    Kind.ERYTHROCYTE: KindCode.KIND_ERYTHROCYTE,
    Kind.LEUKOCYTE: KindCode.KIND_LEUKOCYTE,
    Kind.PLATELET: KindCode.KIND_PLATELET,
}


def cell_id(tile: Tile, detection: Detection) -> str:
    """A cell's name: slide, tile, kind and the pixel of the tile that holds its centre.

    It is a function of the place alone, so that a tile read again names the same cells the same.
    """
    owner = tile.tile_id if tile.tile_id.startswith(tile.slide.slide_id) else f"{tile.slide.slide_id}-{tile.tile_id}"
    x, y = pixel(detection)
    return f"{owner}-{detection.kind[0]}{x:04d}{y:04d}"


def cell_message(name: str, cell: domain.Cell, placement: Placement, crop_uri: str) -> Cell:
    """The cell with its place on the slide."""
    box = placement.box(cell.detection.box)
    return Cell(
        cell_id=name,
        kind=_KIND_CODES[cell.detection.kind],
        box=Region(x_um=box.x, y_um=box.y, width_um=box.width, height_um=box.height),
        score=cell.detection.score,
        label=cell.verdict.label,
        probabilities=cell.verdict.probabilities,
        candidates=cell.verdict.candidates,
        # What a report counts must be of red cells.
        findings=cell.findings.by_name if cell.findings.reliable else {},
        crop_uri=crop_uri,
        attributes={name: _attribute(values) for name, values in cell.verdict.attributes.items()},
        measured=Morphometry(**asdict(cell.measured)) if cell.measured is not None else None,
    )


def _attribute(values: Mapping[str, float]) -> Attribute:
    likeliest = max(values, key=values.__getitem__)
    return Attribute(value=likeliest, probability=values[likeliest])


def model_message(card: ModelCard) -> Model:
    """Which weights were asked; classes in the order of a cell's probabilities."""
    classes = card.classes if isinstance(card, ClassifierCard) else ()
    return Model(name=card.name, version=card.version, sha256=card.sha256, classes=classes)


def tile_cells(tile: Tile, cells: Sequence[Cell], models: Sequence[ModelCard]) -> TileCells:
    """The answer to a tile."""
    return TileCells(
        slide=tile.slide,
        round=tile.round,
        tile_id=tile.tile_id,
        questions=tile.questions,
        cells=cells,
        models=map(model_message, models),
        core=tile.core,
        nuclei=tile.nuclei,
    )


def unreadable_tile(tile: Tile, reason: str) -> TileCells:
    """The answer to a tile whose pixels cannot be had: no cells, and why."""
    answer = tile_cells(tile, (), ())
    answer.unreadable.CopyFrom(Reason(code=UNREADABLE, text=reason))
    return answer
