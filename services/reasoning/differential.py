"""The differential: which leukocytes count, and what stands beside them.

The denominator is the leukocytes whose class the differential counts, and those of which only the group is certain: a
cell between a segmented and a band neutrophil is a neutrophil, and left out it would raise every other percentage.
Cells that the classifier would not name are counted and shown beside it, never shared out; erythroblasts are given per
100 leukocytes; platelets and artefacts that the detector took for leukocytes are left out (CLSI H20-A2).

Fields of the feathered edge are no part of it: large cells are carried there, and percentages would follow them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.kit.classes import Role
from services.reasoning.cells import UNIDENTIFIED, Kind, Purpose, ReadField, SmearCell
from services.reasoning.classes import ClassTable
from services.reasoning.figures import Figure, Note, count, per_hundred, percentage

# Fields that were chosen without regard to where large cells are carried.
COUNTED_ON = frozenset({Purpose.LEUKOCYTES, Purpose.ERYTHROCYTES, Purpose.PLATELETS})


@dataclass(frozen=True)
class Differential:
    """Figures with values whatever their size; `for_report` withholds what the counts do not carry."""

    counted: tuple[SmearCell, ...]
    unidentified: tuple[SmearCell, ...]
    classes: tuple[Figure, ...]
    groups: tuple[Figure, ...]
    # The classes that each of these figures sums up, by the figure's name.
    members: Mapping[str, tuple[str, ...]]
    erythroblast_cells: tuple[SmearCell, ...]
    erythroblasts: Figure
    # Cells that are or may be of a watched kind, of all nucleated cells looked at.
    possible: tuple[Figure, ...]
    # Leukocytes on fields of the feathered edge.
    at_edge: tuple[SmearCell, ...]

    def for_report(self, table: ClassTable, minimum: float, most_undecided: float) -> list[Figure]:
        """Every figure of the differential, without values when fewer than `minimum` leukocytes were counted.

        The classes of a group are without values too when it is open for more than `most_undecided` % of the group
        which of them a cell is: their shares would tell what was decided and not what is there.
        """
        reported = [f for f in self.groups if f.name.removeprefix("differential.") in table.reported]
        figures = [self._decided(figure, most_undecided) for figure in self.classes]
        figures += [*reported, self.erythroblasts]
        if len(self.counted) < minimum:
            figures = [figure.without_value(_too_few(len(self.counted), minimum)) for figure in figures]
        looked_at = len(self.counted) + len(self.unidentified)
        counts = [
            count("leukocytes.counted", self.counted, looked_at),
            count("leukocytes.unidentified", self.unidentified, looked_at),
        ]
        return [*counts, *map(Figure.as_count, self.possible), *figures]

    def _decided(self, figure: Figure, most_undecided: float) -> Figure:
        (name,) = self.members[figure.name]
        for group in self.groups:
            members = self.members[group.name]
            undecided = sum(_is_open(cell, members) for cell in self.counted)
            if name in members and 100 * undecided > most_undecided * group.numerator:
                return figure.without_value(_undecided(undecided, group))
        return figure


def differential(fields: Sequence[ReadField], table: ClassTable, possible: float) -> Differential:
    """Count the leukocytes of `fields`; those that are a watched class with a probability of `possible` may be one.

    Raises TablesInvalid for a class that the table lacks.
    """
    inside = _leukocytes(field for field in fields if field.purposes & COUNTED_ON)
    outside = _leukocytes(field for field in fields if not field.purposes & COUNTED_ON)
    counted = _counted(inside, table)
    unidentified = tuple(c for c in inside if c.label == UNIDENTIFIED and not _of_one_group(c, table))
    erythroblasts = _with_role(inside, table, Role.ERYTHROBLAST)
    classes = {f"differential.{name}": (name,) for name in table.differential}
    groups = {f"differential.{name}": members for name, members in table.groups.items()}
    return Differential(
        counted=counted,
        unidentified=unidentified,
        classes=tuple(_share(name, members, counted) for name, members in classes.items()),
        groups=tuple(_share(name, members, counted) for name, members in groups.items()),
        members=classes | groups,
        erythroblast_cells=erythroblasts,
        erythroblasts=per_hundred("erythroblasts.per_100_leukocytes", erythroblasts, len(counted), "/100{WBCs}"),
        possible=tuple(_possible((*counted, *unidentified, *erythroblasts), table, possible)),
        at_edge=tuple(outside),
    )


def leukocytes_counted(field: ReadField, table: ClassTable) -> int:
    """How many cells of one field the differential counts. Raises TablesInvalid for a class that the table lacks."""
    return len(_counted(_leukocytes([field]), table)) if field.purposes & COUNTED_ON else 0


def _leukocytes(fields: Iterable[ReadField]) -> list[SmearCell]:
    return [cell for field in fields for cell in field.cells if cell.kind is Kind.LEUKOCYTE]


def _counted(cells: Sequence[SmearCell], table: ClassTable) -> tuple[SmearCell, ...]:
    """The cells of the denominator."""
    return _with_role(cells, table, Role.DIFFERENTIAL) + tuple(cell for cell in cells if _of_one_group(cell, table))


def _of_one_group(cell: SmearCell, table: ClassTable) -> bool:
    return cell.label == UNIDENTIFIED and any(_belongs(cell, members) for members in table.groups.values())


def _belongs(cell: SmearCell, members: Collection[str]) -> bool:
    """Whether the cell is surely one of `members`: by its name, or because every class that it could be is one."""
    if cell.identified:
        return cell.label in members
    return len(cell.candidates) > 1 and set(cell.candidates) <= set(members)


def _is_open(cell: SmearCell, members: Collection[str]) -> bool:
    """Whether the cell is surely one of `members` and could be another of them than it is called."""
    return _belongs(cell, members) and len(set(cell.candidates) & set(members)) > 1


def _with_role(cells: Iterable[SmearCell], table: ClassTable, role: Role) -> tuple[SmearCell, ...]:
    return tuple(cell for cell in cells if cell.identified and table.role(cell.label) is role)


def _share(name: str, members: Sequence[str], counted: Sequence[SmearCell]) -> Figure:
    return percentage(name, [cell for cell in counted if _belongs(cell, members)], len(counted))


def _possible(nucleated: Sequence[SmearCell], table: ClassTable, probability: float) -> Iterator[Figure]:
    for name, classes in table.watched.items():
        cells = [cell for cell in nucleated if cell.may_be(classes, probability)]
        yield percentage(f"leukocytes.possible_{name}", cells, len(nucleated))


def _undecided(cells: int, group: Figure) -> Note:
    name = group.name.removeprefix("differential.").replace("_", " ")
    return Note("group_undecided", f"of {cells} of {group.numerator} {name} only the group is certain")


def _too_few(counted: int, minimum: float) -> Note:
    return Note("too_few_leukocytes", f"{counted} leukocytes were counted; percentages are given from {minimum:g} on")
