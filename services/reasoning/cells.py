"""The cells of a film as reasoning counts them. Lengths are µm on the slide."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

UNIDENTIFIED = "unidentified"


class Kind(StrEnum):
    """What the detector took the cell for."""

    ERYTHROCYTE = "erythrocyte"
    LEUKOCYTE = "leukocyte"
    PLATELET = "platelet"


class Purpose(StrEnum):
    """What a field was read for."""

    LEUKOCYTES = "leukocytes"
    ERYTHROCYTES = "erythrocytes"
    PLATELETS = "platelets"
    PLATELET_CLUMPS = "platelet_clumps"


@dataclass(frozen=True)
class Box:
    """A cell's bounding box; x and y are its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class SmearCell:
    """One cell. `label` is empty when no classifier was asked for it."""

    cell_id: str
    kind: Kind
    label: str
    candidates: tuple[str, ...]
    box: Box
    # Calibrated, by class; empty when no classifier was asked.
    probabilities: Mapping[str, float] = field(default_factory=dict)

    @property
    def identified(self) -> bool:
        return self.label not in ("", UNIDENTIFIED)

    @property
    def certainty(self) -> float:
        """Calibrated probability of the label, 0 to 1; 0 when there is none."""
        return self.probabilities.get(self.label, 0.0)


@dataclass(frozen=True)
class ReadField:
    """A field's cells: those whose centre lies in its core, so no cell is in two fields."""

    field_id: str
    purposes: frozenset[Purpose]
    cells: tuple[SmearCell, ...]
    # The field's pixels could not be read; it has no cells.
    unreadable: bool = False
