"""Composes blood films from cut-out real cells, with the truth about every cell of them.

`compose_film` makes a whole small film, `compose_field` one field of a single kind of region.
"""

from services.simulator.composer.film import Film, compose_field, compose_film
from services.simulator.composer.library import CANONICAL_UM_PER_PX, DEMONSTRATION_CELLS, Cell, CellLibrary
from services.simulator.composer.recipe import Defect, DefectKind, FieldRecipe, Recipe, Rect
from services.simulator.composer.regions import Region
from services.simulator.composer.truth import CellTruth, ClumpTruth, RegionTruth, Truth

__all__ = [
    "CANONICAL_UM_PER_PX",
    "DEMONSTRATION_CELLS",
    "Cell",
    "CellLibrary",
    "CellTruth",
    "ClumpTruth",
    "Defect",
    "DefectKind",
    "FieldRecipe",
    "Film",
    "Recipe",
    "Rect",
    "Region",
    "RegionTruth",
    "Truth",
    "compose_field",
    "compose_film",
]
