"""Red-cell morphology: classes per 100 red cells, and their grades.

The denominator is every red cell that was classified, those without a certain class among them: a red cell of doubtful
shape is still a red cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.kit.yamlfile import read_table
from services.reasoning.cells import UNIDENTIFIED, Purpose, ReadField, SmearCell
from services.reasoning.classes import ClassTable
from services.reasoning.errors import TablesInvalid
from services.reasoning.figures import PER_HUNDRED, Figure, Note, count, percentage
from services.reasoning.intervals import share
from services.reasoning.nuclei import without_nucleus

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


class Misread(BaseModel):
    """How many of how many normal red cells a classifier gave a class, by its card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cells: int = Field(ge=0)
    of: int = Field(ge=1)

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.cells / self.of

    @property
    def most_percent(self) -> float:
        """Upper exact 95 % limit of that share, %."""
        return PER_HUNDRED * share(self.cells, self.of).high


class Found(BaseModel):
    """How many of a class's red cells a classifier found, by its card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cells: int = Field(ge=1)
    of: int = Field(ge=1)

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.cells / self.of


class GradingTable(BaseModel):
    """Limits by class and what misreading gives of it, from grading.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    source: str
    grades: Mapping[str, Limits]
    misreads_source: str
    misreads: Mapping[str, Misread]
    found: Mapping[str, Found]

    @classmethod
    def load(cls, file: Path = FILE) -> Self:
        """The table in `file`. Raises TablesInvalid."""
        return read_table(cls, file, TablesInvalid)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if odd := (set(self.grades) ^ set(self.misreads)) | (set(self.grades) ^ set(self.found)):
            raise ValueError(f"grades, misreads and found must name the same classes: {', '.join(sorted(odd))}")
        if blind := [name for name, found in self.found.items() if found.share <= self.misreads[name].share]:
            raise ValueError(f"of {', '.join(blind)} no more cells are found than normal ones are misread")
        return self

    def graded(self, name: str, figure: Figure) -> Figure:
        """The class's share with its grade, where it has one.

        Where the share is more than misread normal cells explain, its lower limit above what the classifier makes of
        them, the grade is that of the share without the classifier's errors. Where they may explain it, there is
        neither value nor grade if that would be 1+ or more, no grade if the cells of the class that the classifier
        misses could make it more than 0, and else grade 0.
        """
        if name not in self.grades or figure.value is None or figure.low is None:
            return figure
        limits, misread = self.grades[name], self.misreads[name].most_percent
        if figure.low > misread:
            corrected = self._without_errors(name, figure.value)
            return replace(figure, grade=limits.grade(corrected), graded_value=corrected)
        if limits.grade(figure.value) > 0:
            return figure.without_value(_misread(figure, misread))
        missed = limits.grade(figure.value / self.found[name].share) > 0
        return figure if missed else replace(figure, grade=0)

    def _without_errors(self, name: str, percent: float) -> float:
        """The share in % that a classifier of these errors reads as `percent` (Rogan & Gladen, 1978)."""
        misread, found = self.misreads[name].share, self.found[name].share
        return min(max((percent - PER_HUNDRED * misread) / (found - misread), 0.0), float(PER_HUNDRED))


@dataclass(frozen=True)
class Morphology:
    """Red cells classified, and their classes with values and grades however few cells there are."""

    classified: tuple[SmearCell, ...]
    unidentified: tuple[SmearCell, ...]
    classes: tuple[Figure, ...]
    # The same as they were seen, without what grading makes of them.
    seen: tuple[Figure, ...]
    # What misread normal cells may give of a class, %, by the figure's name.
    misread_percent: Mapping[str, float]

    def for_report(self, minimum: float, most_unidentified: float) -> list[Figure]:
        """Every figure, the classes as `classes_told` has them."""
        doubtful = count("erythrocytes.unidentified", self.unidentified, len(self.classified))
        counted = count("erythrocytes.counted", self.classified, len(self.classified))
        return [counted, doubtful, *self.classes_told(minimum, most_unidentified)]

    def classes_told(self, minimum: float, most_unidentified: float) -> list[Figure]:
        """The classes, without values and grades when fewer than `minimum` red cells were classified, or when more than
        `most_unidentified` % of them could not be named: 0 % of a class would then say nothing.
        """
        why = self._withheld(minimum, most_unidentified)
        return [figure.without_value(why) for figure in self.classes] if why else list(self.classes)

    def _withheld(self, minimum: float, most_unidentified: float) -> Note | None:
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
    seen = tuple(_share(name, classified) for name in table.erythrocytes)
    return Morphology(
        classified=classified,
        unidentified=tuple(cell for cell in classified if cell.label == UNIDENTIFIED),
        classes=tuple(grading.graded(name, one) for name, one in zip(table.erythrocytes, seen, strict=True)),
        seen=seen,
        misread_percent={f"erythrocytes.{name}": misread.most_percent for name, misread in grading.misreads.items()},
    )


def classified_erythrocytes(field: ReadField, table: ClassTable) -> list[SmearCell]:
    """The red cells of a field that count for morphology: those of fields read for red cells, without a nucleus.

    Raises TablesInvalid for a class that the table lacks.
    """
    if Purpose.ERYTHROCYTES not in field.purposes:
        return []
    cells = [cell for cell in without_nucleus(field) if cell.label]
    if stray := {cell.label for cell in cells if cell.identified} - set(table.erythrocytes):
        raise TablesInvalid(f"a model names erythrocytes {', '.join(sorted(stray))}, which classes.yaml lacks")
    return cells


def _share(name: str, classified: Sequence[SmearCell]) -> Figure:
    return percentage(f"erythrocytes.{name}", [c for c in classified if c.label == name], len(classified))


def _misread(figure: Figure, percent: float) -> Note:
    read = f"{figure.numerator} of {figure.denominator} red cells were read as this"
    text = f"{read}, which misread normal cells alone may give (up to {percent:.1f} %)"
    return Note("misreads_explain", text)


def _too_few(counted: int, minimum: float) -> Note:
    return Note("too_few_erythrocytes", f"{counted} red cells were classified; shares are given from {minimum:g} on")
