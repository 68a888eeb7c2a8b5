"""What each class of cells counts as: the classes that all share, and what reports and rules make of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.kit.classes import CellClasses, Role, cell_classes
from services.kit.yamlfile import read_table
from services.reasoning.errors import TablesInvalid

FILE = Path(__file__).parent / "data" / "classes.yaml"


class ClassTable(BaseModel):
    """The classes in the order of the report, from classes.yaml and `services.kit.classes`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    reported: tuple[str, ...]
    watched: Mapping[str, tuple[str, ...]]
    cells: CellClasses = Field(default_factory=cell_classes)

    @classmethod
    def load(cls, file: Path = FILE) -> Self:
        """The table in `file`. Raises TablesInvalid."""
        return read_table(cls, file, TablesInvalid)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if stray := set(self.reported) - set(self.groups):
            raise ValueError(f"reported groups that do not exist: {', '.join(sorted(stray))}")
        watched = {name for classes in self.watched.values() for name in classes}
        if stray := watched - set(self.cells.leukocytes):
            raise ValueError(f"watched classes that do not exist: {', '.join(sorted(stray))}")
        return self

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Sums of classes of the differential."""
        return self.cells.groups

    @property
    def differential(self) -> tuple[str, ...]:
        """Classes in the denominator of the differential."""
        return self.with_role(Role.DIFFERENTIAL)

    @property
    def erythrocytes(self) -> tuple[str, ...]:
        """Shapes of red cells."""
        return tuple(self.cells.erythrocytes)

    def with_role(self, role: Role) -> tuple[str, ...]:
        """Classes of leukocyte detections that count as that."""
        return tuple(name for name, one in self.cells.leukocytes.items() if one.counts is role)

    def role(self, label: str) -> Role:
        """What a leukocyte detection with this label counts as. Raises TablesInvalid for a class that is unknown."""
        if label not in self.cells.leukocytes:
            raise TablesInvalid(f"a model names leukocytes {label!r}, which classes.yaml lacks: add what it counts as")
        return self.cells.leukocytes[label].counts
