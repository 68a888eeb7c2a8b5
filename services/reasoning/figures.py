"""One counted figure with everything needed to check it."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from services.reasoning.cells import SmearCell
from services.reasoning.intervals import Interval, ratio, share

PER_HUNDRED = 100


@dataclass(frozen=True)
class Note:
    """A sentence for a person, and the stable word that rules and metrics know it by."""

    code: str
    text: str


@dataclass(frozen=True)
class Figure:
    """value = 100 · numerator / denominator; without a value, `withheld` says why, or the figure is a plain count."""

    name: str
    numerator: int
    denominator: int
    unit: str
    cell_ids: tuple[str, ...]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    withheld: Note | None = None
    grade: int | None = None
    # What the grade is of, where that is not the value: the share without what a classifier's errors make of it.
    graded_value: float | None = None
    # What the denominator counts where the name does not say it, as a UCUM annotation.
    denominator_unit: str = ""

    def as_count(self) -> "Figure":
        """The numerator as a plain count, of the denominator."""
        return Figure(self.name, self.numerator, self.denominator, "1", self.cell_ids)

    def without_value(self, why: Note) -> "Figure":
        """The counts alone."""
        return replace(self, value=None, low=None, high=None, grade=None, graded_value=None, withheld=why)


def percentage(name: str, cells: Iterable[SmearCell], of: int, unit: str = "%") -> Figure:
    """Cells that are part of the `of` cells looked at; nothing to tell when that is none."""
    return _figure(name, _ids(cells), of, unit, share)


def per_hundred(name: str, cells: Iterable[SmearCell], per: int, unit: str) -> Figure:
    """Cells counted beside `per` others, per 100 of those."""
    return _figure(name, _ids(cells), per, unit, ratio)


def count(name: str, cells: Iterable[SmearCell], of: int = 0) -> Figure:
    """A plain count, of `of` where that is given."""
    ids = _ids(cells)
    return Figure(name, len(ids), of, "1", ids)


def none_counted(what: str) -> Note:
    """Why there is no value at all."""
    return Note("none_counted", f"no {what} were counted")


def _figure(name: str, ids: tuple[str, ...], of: int, unit: str, interval: Callable[[int, int], Interval]) -> Figure:
    plain = Figure(name, len(ids), of, unit, ids)
    if of == 0:
        return plain.without_value(none_counted("cells of the denominator"))
    limits = interval(len(ids), of)
    value = PER_HUNDRED * len(ids) / of
    return replace(plain, value=value, low=PER_HUNDRED * limits.low, high=_finite(PER_HUNDRED * limits.high))


def _finite(limit: float) -> float | None:
    return limit if math.isfinite(limit) else None


def _ids(cells: Iterable[SmearCell]) -> tuple[str, ...]:
    return tuple(cell.cell_id for cell in cells)
