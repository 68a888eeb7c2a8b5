"""What a film or field shall hold: everything about it but the cut-outs themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from services.simulator.composer.library import CANONICAL_UM_PER_PX
from services.simulator.composer.regions import Region
from services.simulator.errors import RecipeError

# 252 leukocytes of an infection with a left shift, and 4 erythroblasts beside them.
_DIFFERENTIAL = MappingProxyType(
    {
        "neutrophil_segmented": 136,
        "neutrophil_band": 14,
        "lymphocyte": 64,
        "monocyte": 18,
        "eosinophil": 9,
        "basophil": 3,
        "metamyelocyte": 4,
        "myelocyte": 3,
        "promyelocyte": 1,
        "erythroblast": 4,
    }
)
_ERYTHROCYTES = MappingProxyType(
    {
        "normal": 0.86,
        "ovalocyte": 0.03,
        "spherocyte": 0.02,
        "stomatocyte": 0.02,
        "target": 0.02,
        "macrocyte": 0.01,
        "microcyte": 0.01,
        "burr": 0.01,
        "hypochromic": 0.01,
        "elliptocyte": 0.005,
        "teardrop": 0.003,
        "schistocyte": 0.002,
    }
)


class DefectKind(StrEnum):
    """What can be wrong with a film or its scan."""

    DEFOCUS = "defocus"
    PALE = "pale"
    UNSTAINED = "unstained"
    PRECIPITATE = "precipitate"
    EMPTY = "empty"


USUAL_STRENGTH = {
    DefectKind.DEFOCUS: 2.0,
    DefectKind.PALE: 0.45,
    DefectKind.UNSTAINED: 0.1,
    DefectKind.PRECIPITATE: 15000.0,
    DefectKind.EMPTY: 1.0,
}


@dataclass(frozen=True)
class Rect:
    """A part of the picture, each number a share (0–1) of its width or height."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise RecipeError(f"{self}: left < right and top < bottom, all between 0 and 1")


@dataclass(frozen=True)
class Defect:
    """A defect of a part of the picture, or of all of it.

    `strength`: defocus, the blur's radius in µm; pale and unstained, the share of the stain that is left;
    precipitate, granules per mm²; empty, not used. 0 takes the usual one.
    """

    kind: DefectKind
    where: Rect = Rect()
    strength: float = 0.0

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise RecipeError(f"{self.kind}: a strength of {self.strength} is below 0")

    @property
    def effective(self) -> float:
        """The strength asked for, or the usual one."""
        return self.strength or USUAL_STRENGTH[self.kind]


@dataclass(frozen=True)
class Recipe:
    """A whole film. The same recipe and library give the same pixels and the same truth.

    `differential` counts nucleated cells by label, `erythrocytes` weighs red-cell labels, `red_cells_per_field` is the
    monolayer's density per 140 µm square, `platelets` are single ones; each of `clumps` holds `clump_size` (least,
    most) more. `glass_rgb` is the camera's white.
    """

    width_px: int = 16000
    height_px: int = 9000
    um_per_px: float = CANONICAL_UM_PER_PX
    seed: int = 1
    differential: Mapping[str, int] = field(default_factory=lambda: _DIFFERENTIAL)
    erythrocytes: Mapping[str, float] = field(default_factory=lambda: _ERYTHROCYTES)
    red_cells_per_field: float = 190.0
    platelets: int = 500
    clumps: int = 5
    clump_size: tuple[int, int] = (6, 22)
    rouleaux: float = 0.35
    defects: tuple[Defect, ...] = ()
    glass_rgb: tuple[int, int, int] = (241, 238, 236)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def width_um(self) -> float:
        return self.width_px * self.um_per_px

    @property
    def height_um(self) -> float:
        return self.height_px * self.um_per_px


@dataclass(frozen=True)
class FieldRecipe(Recipe):
    """One field of a single region, filled to its borders."""

    width_px: int = 1536
    height_px: int = 1536
    differential: Mapping[str, int] = field(default_factory=lambda: {"neutrophil_segmented": 3, "lymphocyte": 2})
    platelets: int = 12
    clumps: int = 0
    region: Region = Region.MONOLAYER


def _check(recipe: Recipe) -> None:
    if min(recipe.width_px, recipe.height_px) < 64 or recipe.um_per_px <= 0:
        raise RecipeError(f"{recipe.width_px} x {recipe.height_px} px at {recipe.um_per_px} µm/px is no picture")
    counts = (*recipe.differential.values(), recipe.platelets, recipe.clumps, *recipe.clump_size)
    if min(counts) < 0 or recipe.clump_size[0] > recipe.clump_size[1]:
        raise RecipeError("counts are at least 0, and a clump's least size is at most its greatest")
    if min(recipe.erythrocytes.values(), default=0.0) < 0 or sum(recipe.erythrocytes.values()) <= 0:
        raise RecipeError("erythrocytes: needs weights of at least 0 that are not all 0")
    if not 0 <= recipe.red_cells_per_field <= 400 or not 0 <= recipe.rouleaux <= 1:
        raise RecipeError("red_cells_per_field lies between 0 and 400, rouleaux between 0 and 1")
