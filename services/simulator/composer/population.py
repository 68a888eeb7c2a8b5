"""Which cells lie where on a film: the recipe's counts dealt out over the layout's regions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.simulator.composer.library import Cell, CellLibrary
from services.simulator.composer.recipe import Recipe
from services.simulator.composer.regions import Layout, Points, Region
from services.simulator.composer.spreading import scatter, scatter_where, spread

# Large leukocytes are carried to the edges and the feathered end, small ones stay in the film's body.
_DRIFT = {
    "large": {Region.MONOLAYER: 0.86, Region.FEATHERED: 0.11, Region.THICK: 0.03},
    "small": {Region.MONOLAYER: 0.91, Region.FEATHERED: 0.04, Region.THICK: 0.05},
}
_SMALL = frozenset({"lymphocyte", "erythroblast", "platelet"})
_CLUMP_DRIFT = {Region.FEATHERED: 0.75, Region.MONOLAYER: 0.25}
_FLATTENED = "spherocyte"
_ARTEFACT_LABEL = "uncategorised"
_RED_CELL_UM = 7.3
_SCALE_STEP = 0.04
_ORIENTATIONS = {
    (mirrored, quarters): np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), quarters)
    @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    for mirrored in (False, True)
    for quarters in range(4)
}
TILTS = 6


@dataclass(frozen=True)
class Placement:
    """A cut-out as it lies on the film: turned by `tilt` eighths of a right angle, then mirrored or not, then turned
    by `quarters` of a circle; `scale` times its size, its optical density times `stain`. `label` is what a reader can
    tell of it there.
    """

    cell: Cell
    label: str
    x_um: float
    y_um: float
    tilt: int
    mirrored: bool
    quarters: int
    scale: float = 1.0
    stain: float = 1.0
    clump: int | None = None

    @classmethod
    def anyhow(cls, cell: Cell, label: str, x_um: float, y_um: float, rng: np.random.Generator, **rest: Any) -> Self:
        """Turned and mirrored at random; sizes come in steps, so that the painter meets a turned cell again."""
        tilt, mirrored, quarters = rng.integers(0, (TILTS, 2, 4)).tolist()
        scale = round(rest.pop("scale", 1.0) / _SCALE_STEP) * _SCALE_STEP
        return cls(cell, label, float(x_um), float(y_um), tilt, bool(mirrored), quarters, scale, **rest)

    @property
    def tilted(self) -> Points:
        """The 2 x 2 matrix that scales and tilts the cut-out."""
        angle = np.pi / 2 * self.tilt / TILTS
        cos, sin = np.cos(angle) * self.scale, np.sin(angle) * self.scale
        return np.array([[cos, -sin], [sin, cos]])

    @property
    def turned(self) -> Points:
        """The 2 x 2 matrix of the whole: scaled, tilted, mirrored, turned by quarters (clockwise on the picture)."""
        return _ORIENTATIONS[self.mirrored, self.quarters] @ self.tilted


@dataclass(frozen=True)
class _Crowd:
    """Cells of one sort before they are spread: a cut-out and a position each, and the room they claim."""

    cells: Sequence[Cell]
    at: Points
    claim: Points
    scale: Points
    stain: Points
    labels: Sequence[str]


def populate(recipe: Recipe, layout: Layout, library: CellLibrary, rng: np.random.Generator) -> list[Placement]:
    """Every cell of the film, clumps and rouleaux among them."""
    sizes = rng.integers(recipe.clump_size[0], recipe.clump_size[1] + 1, recipe.clumps)
    middles = _clump_middles(layout, len(sizes), rng)
    platelets = library.of("platelet") if recipe.platelets or len(middles) else ()
    crowds = [_nucleated(recipe, layout, library, rng), _red(recipe, layout, library, rng)]
    crowds.append(_single_platelets(recipe, layout, platelets, rng))
    room = 1.05 * np.sqrt(sizes[: len(middles)].astype(float)) if len(middles) else np.empty(0)
    radius = np.concatenate([*(_radii(crowd) for crowd in crowds), room])
    claim = np.concatenate([*(crowd.claim for crowd in crowds), np.ones(len(middles))])
    at = spread(np.vstack([*(crowd.at for crowd in crowds), middles]), radius, claim)
    _keep_counted(at, len(crowds[0].cells), len(crowds[1].cells), layout)
    placed = [placement for crowd, part in _split(crowds, at) for placement in _lay(crowd, part, rng)]
    for number, (middle, size) in enumerate(zip(at[len(at) - len(middles) :], sizes, strict=False)):
        placed += _clump(number, middle, int(size), platelets, rng)
    return [*placed, *_rouleaux(recipe, layout, library, rng)]


def _nucleated(recipe: Recipe, layout: Layout, library: CellLibrary, rng: np.random.Generator) -> _Crowd:
    cells: list[Cell] = []
    spots = [np.empty((0, 2))]
    for label, count in sorted(recipe.differential.items()):
        if count:
            cells += _deal(library.of(label), count, rng)
            spots.append(_drifted(layout, label, count, rng))
    at = np.vstack(spots)
    if len(at) < len(cells):
        cells = cells[: len(at)]
    flat = np.where(layout.regions(at) == Region.FEATHERED, 1.08, 1.0) * rng.uniform(0.96, 1.05, len(at))
    return _Crowd(cells, at, np.full(len(at), 1.03), flat, 1.0 / flat, [cell.label for cell in cells])


def _red(recipe: Recipe, layout: Layout, library: CellLibrary, rng: np.random.Generator) -> _Crowd:
    at = scatter(layout, recipe.red_cells_per_field, rng)
    region = layout.regions(at)
    at = at[(region != Region.THICK) | (rng.random(len(at)) >= recipe.rouleaux)]
    region = layout.regions(at)
    flattened = region == Region.FEATHERED
    labels = sorted(label for label, weight in recipe.erythrocytes.items() if weight > 0)
    weights = np.array([recipe.erythrocytes[label] for label in labels])
    names = rng.choice(labels, len(at), p=weights / weights.sum())
    cells = _cast(np.where(flattened, _FLATTENED, names), library, rng)
    scale = np.where(flattened, 1.16, 1.0) * rng.uniform(0.95, 1.05, len(at))
    stain = np.where(flattened, 0.85, 1.0) * rng.uniform(0.94, 1.06, len(at))
    claim = np.where(region == Region.THICK, 0.5, rng.uniform(0.9, 1.06, len(at)))
    return _Crowd(cells, at, claim, scale, stain, [str(n) for n in np.where(flattened, _ARTEFACT_LABEL, names)])


def _single_platelets(recipe: Recipe, layout: Layout, platelets: Sequence[Cell], rng: np.random.Generator) -> _Crowd:
    at = _drifted(layout, "platelet", recipe.platelets, rng)
    cells = _deal(platelets, len(at), rng)
    scale = rng.uniform(0.45, 0.85, len(at))
    return _Crowd(cells, at, np.full(len(at), 1.1), scale, np.ones(len(at)), ["platelet"] * len(at))


def _clump(
    number: int, middle: Points, size: int, platelets: Sequence[Cell], rng: np.random.Generator
) -> Iterator[Placement]:
    cells = _deal(platelets, size, rng)
    scale = rng.uniform(0.45, 0.8, size)
    radius = scale * [cell.radius_um for cell in cells]
    at = spread(middle + rng.normal(0, 0.3 * np.sqrt(size), (size, 2)), radius, np.full(size, 0.7), elbow_room=0.0)
    for cell, (x, y), part in zip(cells, at, scale, strict=True):
        yield Placement.anyhow(cell, "platelet", x, y, rng, scale=part, clump=number)


def _rouleaux(recipe: Recipe, layout: Layout, library: CellLibrary, rng: np.random.Generator) -> Iterator[Placement]:
    """Red cells stacked like coins, in chains that bend a little, throughout the thick end."""
    seeds = scatter(layout, recipe.red_cells_per_field * recipe.rouleaux / 6.0, rng)
    seeds = seeds[layout.regions(seeds) == Region.THICK]
    cells = library.of("normal") if len(seeds) else ()
    for seed in seeds:
        heading, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.09)
        x, y = seed
        for cell in rng.integers(0, len(cells), int(rng.integers(4, 9))):
            if layout.regions(np.array([[x, y]]))[0] == Region.THICK:
                yield Placement.anyhow(cells[cell], cells[cell].label, x, y, rng)
            step = _RED_CELL_UM * rng.uniform(0.34, 0.55)
            x, y, heading = x + step * np.cos(heading), y + step * np.sin(heading), heading + bend


def _clump_middles(layout: Layout, count: int, rng: np.random.Generator) -> Points:
    return _in_regions(layout, _CLUMP_DRIFT, count, rng)


def _drifted(layout: Layout, label: str, count: int, rng: np.random.Generator) -> Points:
    return _in_regions(layout, _DRIFT["small" if label in _SMALL else "large"], count, rng)


def _in_regions(layout: Layout, shares: dict[Region, float], count: int, rng: np.random.Generator) -> Points:
    """`count` positions over the regions by their shares; regions that the layout lacks leave theirs to the others."""
    chosen = rng.choice([str(name) for name in shares], count, p=list(shares.values()))
    parts = [np.empty((0, 2))]
    for name in shares:
        wanted = int((chosen == name).sum())
        parts.append(scatter_where(layout, frozenset({name}), wanted, rng))
    found = np.vstack(parts)
    anywhere = frozenset(Region) - {Region.EMPTY}
    return np.vstack([found, scatter_where(layout, anywhere, count - len(found), rng)])


def _deal(cells: Sequence[Cell], count: int, rng: np.random.Generator) -> list[Cell]:
    """`count` cells, each used as often as any other, in random order."""
    rounds = -(-count // max(len(cells), 1))
    order = [index for _ in range(rounds) for index in rng.permutation(len(cells))]
    return [cells[int(index)] for index in order[:count]]


def _cast(names: NDArray[np.str_], library: CellLibrary, rng: np.random.Generator) -> list[Cell]:
    choice = rng.random(len(names))
    pools = {str(name): library.of(str(name)) for name in np.unique(names)}
    return [pools[str(n)][int(c * len(pools[str(n)]))] for n, c in zip(names, choice, strict=True)]


def _keep_counted(at: Points, nucleated: int, red: int, layout: Layout) -> None:
    """Bring back what was pushed over the picture's border, but for red cells, of which no number was promised."""
    for part in (at[:nucleated], at[nucleated + red :]):
        np.clip(part, 0.0, (layout.width_um - 1e-6, layout.height_um - 1e-6), out=part)


def _radii(crowd: _Crowd) -> Points:
    return np.array([cell.radius_um for cell in crowd.cells]) * crowd.scale


def _split(crowds: Sequence[_Crowd], at: Points) -> Iterator[tuple[_Crowd, Points]]:
    start = 0
    for crowd in crowds:
        yield crowd, at[start : start + len(crowd.cells)]
        start += len(crowd.cells)


def _lay(crowd: _Crowd, at: Points, rng: np.random.Generator) -> Iterator[Placement]:
    for cell, label, (x, y), scale, stain in zip(
        crowd.cells, crowd.labels, at.tolist(), crowd.scale.tolist(), crowd.stain.tolist(), strict=True
    ):
        yield Placement.anyhow(cell, label, x, y, rng, scale=scale, stain=stain)
