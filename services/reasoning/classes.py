"""What each class counts as, from classes.yaml."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from services.reasoning.errors import TablesInvalid
from services.reasoning.yamlfile import read_table

FILE = Path(__file__).parent / "data" / "classes.yaml"


class Role(StrEnum):
    """What becomes of a cell that the leukocyte classifier named."""

    DIFFERENTIAL = "differential"
    ERYTHROBLAST = "erythroblast"
    PLATELET = "platelet"
    OUTSIDE = "outside"


class ClassTable(BaseModel):
    """Classes by kind, in the order of the report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    leukocytes: Mapping[str, Role]
    groups: Mapping[str, tuple[str, ...]]
    reported: tuple[str, ...]
    watched: Mapping[str, tuple[str, ...]]
    erythrocytes: tuple[str, ...]

    @classmethod
    def load(cls, file: Path = FILE) -> Self:
        """The table in `file`. Raises TablesInvalid."""
        return read_table(cls, file, TablesInvalid)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        members = {name for group in self.groups.values() for name in group}
        if stray := members - set(self.differential):
            raise ValueError(f"groups hold {', '.join(sorted(stray))}, which the differential does not count")
        if stray := set(self.reported) - set(self.groups):
            raise ValueError(f"reported groups that do not exist: {', '.join(sorted(stray))}")
        watched = {name for classes in self.watched.values() for name in classes}
        if stray := watched - set(self.leukocytes):
            raise ValueError(f"watched classes that do not exist: {', '.join(sorted(stray))}")
        if clash := set(self.groups) & set(self.leukocytes):
            raise ValueError(f"a group may not have a class's name: {', '.join(sorted(clash))}")
        return self

    @property
    def differential(self) -> tuple[str, ...]:
        """Classes in the denominator of the differential."""
        return tuple(name for name, role in self.leukocytes.items() if role is Role.DIFFERENTIAL)

    def role(self, label: str) -> Role:
        """What a leukocyte detection with this label counts as. Raises TablesInvalid for a class that is unknown."""
        if label not in self.leukocytes:
            raise TablesInvalid(f"a model names leukocytes {label!r}, which classes.yaml lacks: add what it counts as")
        return self.leukocytes[label]
