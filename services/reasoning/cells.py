"""The cells of a film as reasoning counts them. Lengths are µm on the slide."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

UNIDENTIFIED = "unidentified"

Place = tuple[float, float]


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

    def holds(self, place: Place, inside: float = 0.0) -> bool:
        """Whether the place lies in it, at least `inside` from its border."""
        across, down = place[0] - self.x, place[1] - self.y
        return inside <= across <= self.width - inside and inside <= down <= self.height - inside


@dataclass(frozen=True)
class SmearCell:
    """One cell. `label` is empty when no classifier was asked for it.

    What a cell surely is or may be rests on candidates and probabilities, not on the label: that names the likeliest.
    """

    cell_id: str
    kind: Kind
    label: str
    # The conformal set: every class that cannot be excluded. The label may be one of several, or none of them.
    candidates: tuple[str, ...]
    box: Box
    # Calibrated, by class; empty when no classifier was asked.
    probabilities: Mapping[str, float] = field(default_factory=dict)
    # Calibrated probability by name of what was found in it, such as "plasmodium".
    findings: Mapping[str, float] = field(default_factory=dict)
    # What was measured of a red cell that stands alone, by name with its unit; empty for others.
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def identified(self) -> bool:
        return self.label not in ("", UNIDENTIFIED)

    def is_surely(self, classes: Collection[str], probability: float) -> bool:
        """Every candidate is one of `classes`, and together these are at least as probable as that."""
        inside = bool(self.candidates) and set(self.candidates) <= set(classes)
        return inside and self._probability(classes) >= probability

    def may_be(self, classes: Collection[str], probability: float) -> bool:
        """One of `classes` is a candidate, or together they are at least as probable as that."""
        return not set(classes).isdisjoint(self.candidates) or self._probability(classes) >= probability

    def _probability(self, classes: Collection[str]) -> float:
        return sum(self.probabilities.get(name, 0.0) for name in classes)


@dataclass(frozen=True)
class ReadField:
    """A field's cells: those whose centre lies in its core, so no cell is in two fields."""

    field_id: str
    purposes: frozenset[Purpose]
    cells: tuple[SmearCell, ...]
    # The field's pixels could not be read; it has no cells.
    unreadable: bool = False
    # Centres (x, y) of what the film map is sure is a nucleated cell.
    nuclei: tuple[Place, ...] = ()
    # Where the field lies; None where that was not said.
    core: Box | None = None
