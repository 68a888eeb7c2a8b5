"""Where on a film is what: thick end, monolayer, feathered edge, bare glass; and how dense red cells lie there."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""N x 2 positions (x, y) in µm."""


class Region(StrEnum):
    """Part of a film, from where the drop was put to where it ran out."""

    THICK = "thick"
    MONOLAYER = "monolayer"
    FEATHERED = "feathered"
    EMPTY = "empty"


MOST_DENSE = 3.0
"""No layout is denser than this, relative to a monolayer."""
FIELD_SIDE_UM = 140.0
"""Densities are told per square of this side, about one 40× camera field's worth of eyepiece view."""

_ORDER = (Region.THICK, Region.MONOLAYER, Region.FEATHERED)
_STARTS = (0.0, 0.27, 0.74, 1.0)
# Red cells along the film relative to the monolayer's middle: stops of (share of the length, density).
_PROFILE = ((0.0, 2.8), (0.18, 2.5), (0.27, 1.5), (0.34, 1.05), (0.66, 0.9), (0.74, 0.75), (0.85, 0.5), (1.0, 0.22))


class Layout(Protocol):
    """The regions of a picture."""

    @property
    def width_um(self) -> float: ...

    @property
    def height_um(self) -> float: ...

    def regions(self, at: Points) -> NDArray[np.str_]:
        """The `Region` at each position."""
        ...

    def density(self, at: Points) -> Points:
        """Red cells at each position, relative to a monolayer."""
        ...

    def outlines(self) -> dict[Region, Points]:
        """The polygon of each region."""
        ...


@dataclass(frozen=True)
class FilmLayout:
    """A tongue of blood on glass: thick at the left, drawn out to the right, its edges softly uneven."""

    width_um: float
    height_um: float
    phase: float = 0.0

    def regions(self, at: Points) -> NDArray[np.str_]:
        u = self._along(at)
        names = np.array([*_ORDER, Region.EMPTY])
        return np.asarray(names[np.where(self._inside(at, u), np.searchsorted(_STARTS[1:3], u, "right"), 3)], np.str_)

    def density(self, at: Points) -> Points:
        u = self._along(at)
        stops, values = zip(*_PROFILE, strict=True)
        return np.where(self._inside(at, u), np.interp(u, stops, values), 0.0)

    def outlines(self) -> dict[Region, Points]:
        return {region: self._outline(_STARTS[i], _STARTS[i + 1]) for i, region in enumerate(_ORDER)}

    def _outline(self, start: float, end: float) -> Points:
        y = np.linspace(0.0, self.height_um, 49)
        u = np.linspace(start, end, 25)
        left, right = self._place(start, y), self._place(end, y)
        inside = self._within_height(left) & self._within_height(right)
        top = self._side(u, upper=True)
        bottom = self._side(u, upper=False)
        return np.vstack([top, right[inside], bottom[::-1], left[inside][::-1]])

    def _side(self, u: Points, *, upper: bool) -> Points:
        y = np.full_like(u, 0.0 if upper else self.height_um)
        for _ in range(3):
            x = self._start() + u * (self._end(y) - self._start())
            margin = self._margin(x)
            y = margin if upper else self.height_um - margin
        return np.column_stack([x, y])

    def _place(self, u: float, y: Points) -> Points:
        return np.column_stack([self._start() + u * (self._end(y) - self._start()), y])

    def _along(self, at: Points) -> Points:
        return (at[:, 0] - self._start()) / (self._end(at[:, 1]) - self._start())

    def _inside(self, at: Points, u: Points) -> NDArray[np.bool_]:
        return (u >= 0) & (u < 1) & self._within_height(at)

    def _within_height(self, at: Points) -> NDArray[np.bool_]:
        margin = self._margin(at[:, 0])
        return (at[:, 1] >= margin) & (at[:, 1] <= self.height_um - margin)

    def _start(self) -> float:
        return 0.035 * self.width_um

    def _end(self, y: Points) -> Points:
        across = 2 * y / self.height_um - 1
        wave = 0.012 * np.sin(5.1 * across + self.phase) + 0.006 * np.sin(13.7 * across + 2 * self.phase)
        return self.width_um * (0.965 - 0.12 * across**2 + wave)

    def _margin(self, x: Points) -> Points:
        along = x / self.width_um
        return self.height_um * (0.05 + 0.012 * np.sin(7.3 * along + self.phase) + 0.005 * np.sin(19 * along))


@dataclass(frozen=True)
class UniformLayout:
    """One region all over, as in a single field."""

    width_um: float
    height_um: float
    region: Region = Region.MONOLAYER

    def regions(self, at: Points) -> NDArray[np.str_]:
        return np.full(len(at), self.region, dtype="U12")

    def density(self, at: Points) -> Points:
        relative = {Region.THICK: 2.5, Region.MONOLAYER: 1.0, Region.FEATHERED: 0.45, Region.EMPTY: 0.0}
        return np.full(len(at), relative[self.region])

    def outlines(self) -> dict[Region, Points]:
        w, h = self.width_um, self.height_um
        return {self.region: np.array([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]])}
