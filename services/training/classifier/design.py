"""What tells one classifier from the other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.analysis.pixels import ERYTHROCYTE_CROP, LEUKOCYTE_CROP, PLASMODIUM_CROP
from services.training.augment import Strength
from services.training.classes import (
    ERYTHROCYTE_LABELS,
    ERYTHROCYTES,
    LEUKOCYTE_ATTRIBUTES,
    LEUKOCYTE_GROUPS,
    LEUKOCYTE_LABELS,
    LEUKOCYTES,
    PLASMODIUM,
    PLASMODIUM_GROUPS,
    WATCHED_LEUKOCYTES,
)
from services.training.classifier.attributes import Attributes
from services.training.classifier.cells import Cell
from services.training.classifier.erythrocytes import erythrocyte_cells
from services.training.classifier.leukocytes import leukocyte_cells
from services.training.classifier.plasmodium import plasmodium_cells
from services.training.manifest import Manifest
from services.training.splits import Part


@dataclass(frozen=True)
class Design:
    """A classifier: its classes, what it looks at, how deep it is, what its cells may suffer in training."""

    name: str
    classes: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    """A data set's label → the classes it allows."""
    groups: Mapping[str, tuple[str, ...]]
    """Coarser classes that are reported as well; empty where there are none."""
    watched: Mapping[str, tuple[str, ...]]
    """What rules look for: the card tells how often other cells pass for it. Empty where there is none."""
    sought: tuple[str, ...]
    """Classes that are looked for among many others; empty where all classes are of the same interest."""
    attributes: Attributes
    """What it says of a cell besides its class; empty where it says nothing."""
    crop: int
    """Side of the crop at canonical resolution."""
    size: int
    """Side of the network's own input, to which the graph brings the crop."""
    stages: int
    frozen: int
    """How many of the stages keep their ImageNet weights."""
    strength: Strength
    zoom: float
    """Standard deviation of the logarithm of the scale."""
    shift: float
    """Standard deviation of the centre, in pixels of the crop."""
    exchanged: float
    """Share of the cells that are shown in the look of another, of any source."""
    moved: float
    """Share of the cells standing alone that are laid among the red cells of another laboratory."""
    per_class: int
    """Cells of a class and source in each epoch: at most this, and half of it, with repeats, where there are fewer."""
    weighed: bool
    """Whether classes weigh as they are frequent among the validation cells, or all alike, as in training."""
    angular: bool
    """Whether what is unknown is told by its angle to the nearest class, or by how far it lies from it."""
    strange: float
    """Share of the known cells, disturbed, that may lie farther than the distance beyond which nothing has a name."""
    load: Callable[[Path, dict[str, Manifest], Part], list[Cell]]


LEUKOCYTE_DESIGN = Design(
    name="leukocytes",
    classes=LEUKOCYTES,
    labels=LEUKOCYTE_LABELS,
    groups=LEUKOCYTE_GROUPS,
    watched=WATCHED_LEUKOCYTES,
    sought=(),
    attributes=LEUKOCYTE_ATTRIBUTES,
    crop=LEUKOCYTE_CROP,
    size=128,
    stages=7,
    frozen=2,
    strength=Strength(stain=0.20, tint=0.10, blur=0.3, coarsen=0.35, coarsest=2.9, jpeg=0.25, noise=0.25),
    zoom=0.12,
    shift=4.0,
    exchanged=0.3,
    moved=0.4,
    per_class=850,
    weighed=False,
    angular=True,
    strange=0.04,
    load=leukocyte_cells,
)

ERYTHROCYTE_DESIGN = Design(
    name="erythrocytes",
    classes=ERYTHROCYTES,
    labels=ERYTHROCYTE_LABELS,
    groups={},
    watched={},
    sought=(),
    attributes={},
    crop=ERYTHROCYTE_CROP,
    size=64,
    stages=5,
    frozen=0,
    strength=Strength(stain=0.15, tint=0.10, blur=0.25, coarsen=0.15, coarsest=1.8, jpeg=0.2, noise=0.2),
    zoom=0.03,
    shift=2.5,
    exchanged=0.5,
    moved=0.0,
    per_class=1000,
    weighed=True,
    angular=True,
    strange=0.015,
    load=erythrocyte_cells,
)

PLASMODIUM_DESIGN = Design(
    name="plasmodium",
    classes=PLASMODIUM,
    labels={name: (name,) for name in PLASMODIUM},
    groups=PLASMODIUM_GROUPS,
    watched={},
    sought=PLASMODIUM_GROUPS["infected"],
    attributes={},
    crop=PLASMODIUM_CROP,
    size=64,
    stages=4,
    frozen=0,
    strength=Strength(stain=0.20, tint=0.10, blur=0.25, coarsen=0.25, coarsest=1.8, jpeg=0.2, noise=0.2),
    zoom=0.06,
    shift=2.5,
    exchanged=0.4,
    moved=0.0,
    per_class=1400,
    weighed=False,
    angular=False,
    strange=0.01,
    load=plasmodium_cells,
)

DESIGNS = {design.name: design for design in (LEUKOCYTE_DESIGN, ERYTHROCYTE_DESIGN, PLASMODIUM_DESIGN)}
