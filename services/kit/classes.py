"""The classes of cells, read from `classes.yaml`: what models name, what reasoning counts, what the LIS is told."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.kit.errors import SettingsError
from services.kit.yamlfile import read_table

FILE = Path(__file__).with_name("classes.yaml")
_NAME = r"^[a-z]+(_[a-z]+)*$"


class ClassesInvalid(SettingsError):
    """The table of classes cannot be used."""


class Role(StrEnum):
    """What becomes of a cell that the leukocyte classifier named."""

    DIFFERENTIAL = "differential"
    ERYTHROBLAST = "erythroblast"
    PLATELET = "platelet"
    OUTSIDE = "outside"


class LeukocyteClass(BaseModel):
    """A class of nucleated cells, or of what is taken for one; `text` is its plural, as a report names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    counts: Role
    text: str = Field(min_length=1)
    group: str = Field("", pattern=r"^$|" + _NAME)
    loinc: str | None = None
    trained: bool = True


class ErythrocyteClass(BaseModel):
    """A shape of red cells; `presence` is what LOINC calls it where its presence is graded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(min_length=1)
    loinc: str | None = None
    presence: str = ""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.loinc is None) != (not self.presence):
            raise ValueError("loinc and presence belong together")
        return self


class CellClasses(BaseModel):
    """The whole table, in the order of the models' outputs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    leukocytes: Mapping[str, LeukocyteClass]
    erythrocytes: Mapping[str, ErythrocyteClass]

    @model_validator(mode="after")
    def _named_as_agreed(self) -> Self:
        groups = {one.group for one in self.leukocytes.values()} - {""}
        if clash := groups & set(self.leukocytes):
            raise ValueError(f"a group may not have a class's name: {', '.join(sorted(clash))}")
        grouped = [(name, one.counts) for name, one in self.leukocytes.items() if one.group]
        if outside := [name for name, counts in grouped if counts is not Role.DIFFERENTIAL]:
            raise ValueError(f"in a group, but not in the differential: {', '.join(outside)}")
        return self

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Sums of classes of the differential, by name."""
        names = dict.fromkeys(one.group for one in self.leukocytes.values() if one.group)
        return {group: tuple(name for name, one in self.leukocytes.items() if one.group == group) for group in names}

    @property
    def trained_leukocytes(self) -> tuple[str, ...]:
        """The outputs of the leukocyte classifier, in order."""
        return tuple(name for name, one in self.leukocytes.items() if one.trained)


@cache
def cell_classes(file: Path = FILE) -> CellClasses:
    """The table. Raises ClassesInvalid naming what is wrong."""
    return read_table(CellClasses, file, ClassesInvalid)
