"""Defects as they act: holes in the film, stain that is missing, granules that are too many, light out of focus."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from services.simulator.composer.library import CANONICAL_UM_PER_PX, Cell, cell_from_rgba
from services.simulator.composer.population import Placement
from services.simulator.composer.recipe import Defect, DefectKind, Recipe
from services.simulator.composer.regions import Layout, Points, Region

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in µm."""

_PRECIPITATE_KIND = "precipitate"
_STAIN_RGB = (0.32, 0.16, 0.45)


@dataclass(frozen=True)
class Holed:
    """A layout with bare glass in some boxes."""

    film: Layout
    holes: tuple[Box, ...]

    @property
    def width_um(self) -> float:
        return self.film.width_um

    @property
    def height_um(self) -> float:
        return self.film.height_um

    def regions(self, at: Points) -> NDArray[np.str_]:
        return np.where(self._in_hole(at), str(Region.EMPTY), self.film.regions(at))

    def density(self, at: Points) -> Points:
        return np.where(self._in_hole(at), 0.0, self.film.density(at))

    def outlines(self) -> dict[Region, Points]:
        return self.film.outlines()

    def _in_hole(self, at: Points) -> NDArray[np.bool_]:
        return np.asarray(np.any([within(at, hole) for hole in self.holes], axis=0), np.bool_)


def box(defect: Defect, recipe: Recipe) -> Box:
    """Where a defect lies, in µm."""
    where, w, h = defect.where, recipe.width_um, recipe.height_um
    return where.left * w, where.top * h, where.right * w, where.bottom * h


def within(at: Points, bounds: Box) -> NDArray[np.bool_]:
    """Which positions lie in a box."""
    left, top, right, bottom = bounds
    return (at[:, 0] >= left) & (at[:, 0] < right) & (at[:, 1] >= top) & (at[:, 1] < bottom)


def of_kind(recipe: Recipe, *kinds: DefectKind) -> list[Defect]:
    """The recipe's defects of some kinds."""
    return [defect for defect in recipe.defects if defect.kind in kinds]


def with_holes(layout: Layout, recipe: Recipe) -> Layout:
    """The layout with the recipe's empty parts."""
    holes = tuple(box(defect, recipe) for defect in of_kind(recipe, DefectKind.EMPTY))
    return Holed(layout, holes) if holes else layout


def destained(placed: Sequence[Placement], recipe: Recipe) -> list[Placement]:
    """The cells with the stain that pale and unstained parts leave them."""
    faults = of_kind(recipe, DefectKind.PALE, DefectKind.UNSTAINED)
    if not faults or not placed:
        return list(placed)
    at = np.array([(one.x_um, one.y_um) for one in placed])
    left = np.ones(len(placed))
    for fault in faults:
        left[within(at, box(fault, recipe))] *= fault.effective
    return [replace(one, stain=one.stain * share) for one, share in zip(placed, left.tolist(), strict=True)]


def precipitate(recipe: Recipe, rng: np.random.Generator) -> Iterator[Placement]:
    """Granules of stain; they are no cells."""
    granules = [_granule(rng) for _ in range(24)] if of_kind(recipe, DefectKind.PRECIPITATE) else []
    for fault in of_kind(recipe, DefectKind.PRECIPITATE):
        left, top, right, bottom = box(fault, recipe)
        count = rng.poisson(fault.effective * (right - left) * (bottom - top) * 1e-6)
        for number in rng.integers(0, len(granules), count):
            x, y = rng.uniform((left, top), (right, bottom))
            yield Placement.anyhow(granules[number], _PRECIPITATE_KIND, x, y, rng, scale=rng.uniform(0.6, 2.4))


def is_cell(placement: Placement) -> bool:
    """Whether a placement belongs into the truth about cells."""
    return placement.cell.kind != _PRECIPITATE_KIND


def defocused(light: NDArray[np.uint8], radius_px: float, weight: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Light (H x W x 3) blurred by `radius_px` where `weight` (H x W, 0–1) says.

    Two box blurs in a row come near the disc of a defocused lens and cost the same at any radius.
    """
    side = 2 * max(1, round(radius_px * 0.85)) + 1
    blurred = cv2.blur(cv2.blur(light, (side, side)), (side, side))
    return np.asarray(cv2.blendLinear(light, blurred, 1 - weight, weight), np.uint8)


def _granule(rng: np.random.Generator) -> Cell:
    side = 31
    density = np.zeros((side, side), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        x, y = rng.normal(side / 2, 2.2, 2)
        cv2.circle(density, (round(x), round(y)), int(rng.integers(1, 4)), 1.0, cv2.FILLED)
    soft = cv2.GaussianBlur(density, (0, 0), 0.1 / CANONICAL_UM_PER_PX)[..., None]
    light = 255 * (1 - soft * (1 - np.array(_STAIN_RGB)))
    rgba = np.dstack([light, np.where(soft > 0.02, 255, 0)]).astype(np.uint8)
    return cell_from_rgba("granule", _PRECIPITATE_KIND, _PRECIPITATE_KIND, rgba)
