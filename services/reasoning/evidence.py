"""Messages into the values of the domain."""

from collections.abc import Iterable, Mapping, Sequence

from services.kit import contracts
from services.kit.contracts import Cell, Model, Order, Reading, TileCells
from services.kit.errors import PoisonError
from services.reasoning.cells import Box, Kind, Purpose, ReadField, SmearCell
from services.reasoning.haemogram import Result
from services.reasoning.measuring import QUANTITIES
from services.reasoning.progress import Round

_KINDS = {
    contracts.Kind.KIND_ERYTHROCYTE: Kind.ERYTHROCYTE,
    contracts.Kind.KIND_LEUKOCYTE: Kind.LEUKOCYTE,
    contracts.Kind.KIND_PLATELET: Kind.PLATELET,
}
_PURPOSES = {
    contracts.Question.QUESTION_LEUKOCYTES: Purpose.LEUKOCYTES,
    contracts.Question.QUESTION_ERYTHROCYTES: Purpose.ERYTHROCYTES,
    contracts.Question.QUESTION_PLATELETS: Purpose.PLATELETS,
    contracts.Question.QUESTION_PLATELET_CLUMPS: Purpose.PLATELET_CLUMPS,
}
_QUESTIONS = {purpose: question for question, purpose in _PURPOSES.items()}

Classes = Mapping[str, float]


def question(purpose: Purpose) -> contracts.Question.ValueType:
    """The contract's word for a purpose."""
    return _QUESTIONS[purpose]


def read_field(tile: TileCells) -> ReadField:
    """A tile's cells. Raises PoisonError when probabilities fit no model that the message names."""
    cells = tuple(_cell(cell, tile.models) for cell in tile.cells)
    nuclei = tuple((nucleus.x_um, nucleus.y_um) for nucleus in tile.nuclei)
    core = _box(tile.core) if tile.HasField("core") else None
    return ReadField(tile.tile_id, _purposes(tile.questions), cells, tile.HasField("unreadable"), nuclei, core)


def round_of(reading: Reading) -> Round:
    """What a reading announces."""
    return Round(reading.round, frozenset(reading.tile_ids), _purposes(reading.exhausted))


def results_of(order: Order) -> list[Result]:
    """The haemogram that came with an order."""
    return [Result(analyte.loinc, analyte.value, analyte.unit) for analyte in order.haemogram]


def _purposes(questions: Iterable[contracts.Question.ValueType]) -> frozenset[Purpose]:
    return frozenset(_PURPOSES[question] for question in questions if question in _PURPOSES)


def _cell(cell: Cell, models: Sequence[Model]) -> SmearCell:
    if cell.kind not in _KINDS:
        raise PoisonError(f"cell {cell.cell_id} is of kind {cell.kind}, which reasoning does not know")
    return SmearCell(
        cell.cell_id,
        _KINDS[cell.kind],
        cell.label,
        tuple(cell.candidates),
        _box(cell.box),
        _probabilities(cell, models),
        dict(cell.findings),
        {name: getattr(cell.measured, name) for name in QUANTITIES} if cell.HasField("measured") else {},
    )


def _box(region: contracts.Region) -> Box:
    return Box(region.x_um, region.y_um, region.width_um, region.height_um)


def _probabilities(cell: Cell, models: Sequence[Model]) -> Classes:
    if not cell.probabilities:
        return {}
    named = set(cell.candidates) | ({cell.label} if cell.candidates else set())
    for model in models:
        if len(model.classes) == len(cell.probabilities) and named - {"unidentified"} <= set(model.classes):
            return dict(zip(model.classes, cell.probabilities, strict=True))
    raise PoisonError(f"the probabilities of cell {cell.cell_id} fit no model that its message names")
