"""Red-cell morphology: classes per 100 red cells, and their grades.

The denominator is every red cell that was classified, those without a certain class among them: a red cell of doubtful
shape is still a red cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from services.reasoning.cells import UNIDENTIFIED, Kind, Purpose, ReadField, SmearCell
from services.reasoning.classes import ClassTable
from services.reasoning.errors import TablesInvalid
from services.reasoning.figures import Figure, Note, count, percentage
from services.reasoning.yamlfile import read_table

FILE = Path(__file__).parent / "data" / "grading.yaml"


class Limits(BaseModel):
    """Where a feature's grades begin, in % of red cells."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    one: float
    two: float
    three: float

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not 0 <= self.one < self.two < self.three <= 100:
            raise ValueError(f"grades must rise from 0 to 100 %: {self.one}, {self.two}, {self.three}")
        return self

    def grade(self, percent: float) -> int:
        """0 to 3: 1+ above 0 and from `one` on, 2+ from `two` on, 3+ above `three`."""
        if percent > self.three:
            return 3
        if percent >= self.two:
            return 2
        return int(percent > 0 and percent >= self.one)


class GradingTable(BaseModel):
    """Limits by class, from grading.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    source: str
    grades: Mapping[str, Limits]

    @classmethod
    def load(cls, file: Path = FILE) -> Self:
        """The table in `file`. Raises TablesInvalid."""
        return read_table(cls, file, TablesInvalid)


@dataclass(frozen=True)
class Morphology:
    """Red cells classified, and their classes with values and grades whatever their size."""

    classified: tuple[SmearCell, ...]
    unidentified: tuple[SmearCell, ...]
    classes: tuple[Figure, ...]

    def for_report(self, minimum: float, most_unidentified: float) -> list[Figure]:
        """Every figure; without values and grades when fewer than `minimum` red cells were classified, or when more
        than `most_unidentified` % of them could not be named: 0 % of a class would then say nothing.
        """
        figures = list(self.classes)
        if why := self.withheld(minimum, most_unidentified):
            figures = [figure.without_value(why) for figure in figures]
        doubtful = count("erythrocytes.unidentified", self.unidentified, len(self.classified))
        return [count("erythrocytes.counted", self.classified, len(self.classified)), doubtful, *figures]

    def withheld(self, minimum: float, most_unidentified: float) -> Note | None:
        """Why shares of classes say nothing; None when they do."""
        classified, unidentified = len(self.classified), len(self.unidentified)
        if classified < minimum:
            return _too_few(classified, minimum)
        if 100 * unidentified > most_unidentified * classified:
            text = f"{unidentified} of {classified} red cells could not be named"
            return Note("unidentified_erythrocytes", text)
        return None


def morphology(fields: Sequence[ReadField], table: ClassTable, grading: GradingTable) -> Morphology:
    """Count and grade the red cells of fields read for them. Raises TablesInvalid for a class that the table lacks."""
    classified = tuple(cell for field in fields for cell in classified_erythrocytes(field, table))
    return Morphology(
        classified=classified,
        unidentified=tuple(cell for cell in classified if cell.label == UNIDENTIFIED),
        classes=tuple(_graded(name, classified, grading) for name in table.erythrocytes),
    )


def classified_erythrocytes(field: ReadField, table: ClassTable) -> list[SmearCell]:
    """The red cells of a field that count for morphology: those of fields read for red cells.

    Raises TablesInvalid for a class that the table lacks.
    """
    if Purpose.ERYTHROCYTES not in field.purposes:
        return []
    cells = [cell for cell in field.cells if cell.kind is Kind.ERYTHROCYTE and cell.label]
    if stray := {cell.label for cell in cells if cell.identified} - set(table.erythrocytes):
        raise TablesInvalid(f"a model names erythrocytes {', '.join(sorted(stray))}, which classes.yaml lacks")
    return cells


def _graded(name: str, classified: Sequence[SmearCell], grading: GradingTable) -> Figure:
    figure = percentage(f"erythrocytes.{name}", [c for c in classified if c.label == name], len(classified))
    limits = grading.grades.get(name)
    return figure if limits is None or figure.value is None else replace(figure, grade=limits.grade(figure.value))


def _too_few(counted: int, minimum: float) -> Note:
    return Note("too_few_erythrocytes", f"{counted} red cells were classified; shares are given from {minimum:g} on")
