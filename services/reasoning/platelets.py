"""Platelets per 100 red cells, and clumps: platelets that touch each other, and heaps that are drawn as one cell.

No estimate is given when clumps are seen: platelets in clumps are not evenly spread, and the figure would be too low.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from services.kit.classes import Role
from services.reasoning.cells import Box, Kind, Purpose, ReadField, SmearCell
from services.reasoning.classes import ClassTable
from services.reasoning.figures import Figure, Note, count, per_hundred

# The monolayer, where red cells lie side by side: elsewhere their number says nothing of the area.
COUNTED_ON = frozenset({Purpose.ERYTHROCYTES, Purpose.PLATELETS})
CLUMPS_ON = COUNTED_ON | {Purpose.PLATELET_CLUMPS}

Clump = tuple[SmearCell, ...]
_NOT_SEARCHED = Note(
    "clumps_not_searched", "no field of the feathered edge was read, where clumps gather: none seen says nothing"
)


@dataclass(frozen=True)
class Platelets:
    """`ratio` has its value even when clumps are seen; `for_report` withholds it."""

    counted: tuple[SmearCell, ...]
    erythrocytes: int
    ratio: Figure
    clumps: tuple[Clump, ...]
    # Fields of the monolayer that were counted on.
    monolayer_fields: int
    # Fields searched for clumps, and those of them that lie where clumps gather.
    fields: int
    edge_fields: int

    def for_report(self) -> list[Figure]:
        """Platelets counted in how many fields, per 100 red cells, and clumps: how many in how many fields, with the
        cells of all of them.

        That no clump was seen says something only when fields were read where clumps are carried.
        """
        ratio = self.ratio.without_value(_clumped(len(self.clumps))) if self.clumps else self.ratio
        members = tuple(cell.cell_id for clump in self.clumps for cell in clump)
        clumps = Figure("platelets.clumps", len(self.clumps), self.fields, "1", members, denominator_unit="{fields}")
        if not self.clumps and not self.edge_fields:
            clumps = clumps.without_value(_NOT_SEARCHED)
        return [
            replace(count("platelets.counted", self.counted, self.monolayer_fields), denominator_unit="{fields}"),
            ratio,
            clumps,
        ]


@dataclass(frozen=True)
class ClumpLimits:
    """What is called a clump."""

    # Boxes of platelets no farther apart touch, µm.
    gap_um: float
    # Least platelets that touch.
    smallest: int
    # A heap is drawn as one cell at least so wide and high, µm, that with this probability is of platelets.
    heap_um: float
    heap_probability: float


def platelets(fields: Sequence[ReadField], table: ClassTable, limits: ClumpLimits) -> Platelets:
    """Count platelets on monolayer fields; find clumps there and on the feathered edge."""
    monolayer = [field for field in fields if field.purposes & COUNTED_ON and not field.unreadable]
    inside = [cell for field in monolayer for cell in field.cells]
    counted = tuple(platelets_of(inside, table))
    erythrocytes = sum(cell.kind is Kind.ERYTHROCYTE for cell in inside)
    searched = [field for field in fields if field.purposes & CLUMPS_ON and not field.unreadable]
    cells = [cell for field in searched for cell in field.cells]
    at_edge = (cell for field in searched if Purpose.PLATELET_CLUMPS in field.purposes for cell in field.cells)
    heaps = {cell.cell_id: cell for cell in heaps_of(at_edge, table, limits)}
    alone = [cell for cell in platelets_of(cells, table) if cell.cell_id not in heaps]
    return Platelets(
        counted=counted,
        erythrocytes=erythrocytes,
        ratio=per_hundred("platelets.per_100_erythrocytes", counted, erythrocytes, "/100{RBCs}"),
        monolayer_fields=len(monolayer),
        clumps=(*clumps_of(alone, limits.gap_um, limits.smallest), *((heap,) for heap in heaps.values())),
        fields=len(searched),
        edge_fields=sum(Purpose.PLATELET_CLUMPS in field.purposes for field in searched),
    )


def platelets_of(cells: Iterable[SmearCell], table: ClassTable) -> Iterator[SmearCell]:
    """What the detector took for platelets, and what it took for leukocytes and the classifier named platelets."""
    for cell in cells:
        named = cell.kind is Kind.LEUKOCYTE and cell.identified and table.role(cell.label) is Role.PLATELET
        if named or cell.kind is Kind.PLATELET:
            yield cell


def heaps_of(cells: Iterable[SmearCell], table: ClassTable, limits: ClumpLimits) -> Iterator[SmearCell]:
    """Boxes of leukocytes that have no name, or a platelet's, may be of platelets, and are too large for one.

    Meant for the feathered edge, where clumps are carried: in thicker parts piles of red cells look like that too.
    """
    for cell in cells:
        if cell.kind is not Kind.LEUKOCYTE or min(cell.box.width, cell.box.height) < limits.heap_um:
            continue
        named = cell.identified and table.role(cell.label) is not Role.PLATELET
        if not named and cell.may_be(table.with_role(Role.PLATELET), limits.heap_probability):
            yield cell


def clumps_of(cells: Sequence[SmearCell], gap_um: float, smallest: int) -> Iterator[Clump]:
    """Groups of at least `smallest` cells, connected where boxes are `gap_um` or less apart."""
    if len(cells) < smallest:
        return
    links = _links([cell.box for cell in cells], gap_um)
    _, group = connected_components(links, directed=False)
    sizes = np.bincount(group)
    for number in np.flatnonzero(sizes >= smallest):
        yield tuple(cells[index] for index in np.flatnonzero(group == number).tolist())


def _links(boxes: Sequence[Box], gap_um: float) -> coo_array:
    edges = np.array([(b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes])
    order = np.argsort(edges[:, 0], kind="stable")
    pairs = [(order[i], order[j]) for i in range(len(boxes)) for j in _near(edges[order], i, gap_um)]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(boxes), len(boxes)))


def _near(edges: npt.NDArray[np.float64], index: int, gap_um: float) -> list[int]:
    """Boxes after `index`, in order of their left edges, that lie within the gap of it."""
    end = int(np.searchsorted(edges[:, 0], edges[index, 2] + gap_um, side="right"))
    later = edges[index + 1 : end]
    right_of = np.maximum(later[:, 0] - edges[index, 2], 0.0)
    apart = np.maximum(np.maximum(later[:, 1] - edges[index, 3], edges[index, 1] - later[:, 3]), 0.0)
    near: list[int] = (index + 1 + np.flatnonzero(np.hypot(right_of, apart) <= gap_um)).tolist()
    return near


def _clumped(clumps: int) -> Note:
    return Note("platelet_clumps", f"{clumps} platelet clumps were seen: a figure would be too low")
