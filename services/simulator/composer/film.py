"""Composes whole pictures: populate the layout, record the truth, paint strip by strip."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.simulator.composer.defects import box, destained, is_cell, precipitate, with_holes
from services.simulator.composer.library import CANONICAL_UM_PER_PX, CellLibrary
from services.simulator.composer.painting import Painter
from services.simulator.composer.population import Placement, populate
from services.simulator.composer.recipe import FieldRecipe, Recipe
from services.simulator.composer.regions import FilmLayout, Layout, UniformLayout
from services.simulator.composer.truth import CellTruth, ClumpTruth, RegionTruth, Truth

_STRIP = 1024


@dataclass(frozen=True)
class Film:
    """A composed picture, H x W x 3 uint8 RGB, and the truth about it."""

    image: NDArray[np.uint8]
    truth: Truth

    @property
    def um_per_px(self) -> float:
        return self.truth.um_per_px


def compose_film(recipe: Recipe, library: CellLibrary | None = None, into: Path | None = None) -> Film:
    """A whole film on bare glass: thick end at the left, monolayer, feathered edge at the right.

    `library` holds the cut-outs (the demonstration cells, where left out). With `into` the image is a memory-mapped
    .npy file of that name, and memory does not grow with the film.

    Raises:
        LibraryError: the library lacks a label that the recipe asks for.
    """
    phase = float(np.random.default_rng((recipe.seed, 1)).uniform(0, 2 * np.pi))
    return _compose(recipe, FilmLayout(recipe.width_um, recipe.height_um, phase), library, into)


def compose_field(recipe: FieldRecipe, library: CellLibrary | None = None) -> Film:
    """A single field of the recipe's region, filled to its borders.

    Raises:
        LibraryError: the library lacks a label that the recipe asks for.
    """
    return _compose(recipe, UniformLayout(recipe.width_um, recipe.height_um, recipe.region), library, None)


def _compose(recipe: Recipe, layout: Layout, library: CellLibrary | None, into: Path | None) -> Film:
    rng = np.random.default_rng(recipe.seed)
    layout = with_holes(layout, recipe)
    placed = populate(recipe, layout, library or CellLibrary.load(), rng)
    truth = _truth(recipe, layout, placed)
    visible = [*destained(placed, recipe), *precipitate(recipe, rng)]
    strips = _strips(recipe, Painter(recipe, layout, visible))
    return Film(np.concatenate(list(strips)) if into is None else _stored(recipe, strips, into), truth)


def _strips(recipe: Recipe, painter: Painter) -> Iterator[NDArray[np.uint8]]:
    for top in range(0, recipe.height_px, _STRIP):
        yield painter.window(0, top, recipe.width_px, min(_STRIP, recipe.height_px - top))


def _stored(recipe: Recipe, strips: Iterable[NDArray[np.uint8]], into: Path) -> NDArray[np.uint8]:
    """The strips written one after the other, which keeps no written page in memory, then mapped for reading."""
    shape = (recipe.height_px, recipe.width_px, 3)
    with into.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for strip in strips:
            file.write(strip.data)
    return np.asanyarray(np.lib.format.open_memmap(into, mode="r"))


def _truth(recipe: Recipe, layout: Layout, placed: Sequence[Placement]) -> Truth:
    at = np.array([(one.x_um, one.y_um) for one in placed]).reshape(-1, 2)
    regions = layout.regions(at)
    inside = (at >= 0).all(axis=1) & (at[:, 0] < recipe.width_um) & (at[:, 1] < recipe.height_um)
    known = [
        (one, str(region)) for one, region, seen in zip(placed, regions, inside, strict=True) if seen and is_cell(one)
    ]
    cells = tuple(_cell(one, region) for one, region in known)
    outlines = [RegionTruth(str(name), _polygon(outline)) for name, outline in layout.outlines().items()]
    return Truth(
        width_um=recipe.width_um,
        height_um=recipe.height_um,
        um_per_px=recipe.um_per_px,
        seed=recipe.seed,
        cells=cells,
        regions=(*outlines, *_defect_regions(recipe)),
        clumps=_clumps(cells),
    )


def _cell(one: Placement, region: str) -> CellTruth:
    rim = one.cell.rim @ one.turned.T * CANONICAL_UM_PER_PX
    low, high = rim.min(axis=0), rim.max(axis=0)
    middle = (low + high) / 2 + (one.x_um, one.y_um)
    size = high - low + CANONICAL_UM_PER_PX
    x, y, w, h = (round(float(value), 3) for value in (*middle, *size))
    return CellTruth(one.cell.kind, one.label, x, y, w, h, region, one.cell.name, one.clump)


def _clumps(cells: Sequence[CellTruth]) -> tuple[ClumpTruth, ...]:
    members: dict[int, list[CellTruth]] = defaultdict(list)
    for cell in cells:
        if cell.clump is not None:
            members[cell.clump].append(cell)
    return tuple(_clump(number, group) for number, group in sorted(members.items()))


def _clump(number: int, cells: Sequence[CellTruth]) -> ClumpTruth:
    left = min(cell.x_um - cell.w_um / 2 for cell in cells)
    right = max(cell.x_um + cell.w_um / 2 for cell in cells)
    top = min(cell.y_um - cell.h_um / 2 for cell in cells)
    bottom = max(cell.y_um + cell.h_um / 2 for cell in cells)
    middle = ((left + right) / 2, (top + bottom) / 2)
    return ClumpTruth(number, len(cells), *middle, right - left, bottom - top, cells[0].region)


def _defect_regions(recipe: Recipe) -> list[RegionTruth]:
    found = []
    for defect in recipe.defects:
        x0, y0, x1, y1 = box(defect, recipe)
        found.append(RegionTruth(str(defect.kind), ((x0, y0), (x1, y0), (x1, y1), (x0, y1)), defect.effective))
    return found


def _polygon(outline: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    return tuple((round(float(x), 2), round(float(y), 2)) for x, y in outline)
