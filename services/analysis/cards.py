"""What is known of a model besides its weights: the values of `model.yaml`. Pure."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from services.analysis.cells import Kind


@dataclass(frozen=True)
class Input:
    """The graph's one input; `shape` is that of one item: height, width, colours."""

    name: str
    dtype: Literal["uint8"]
    shape: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class DetectorCard:
    """A detector; `score_thresholds` are the least scores, by kind, at which a cell counts. Raises ValueError."""

    name: str
    version: str
    sha256: str
    um_per_px: float
    input: Input
    kinds: tuple[Kind, ...]
    score_thresholds: dict[Kind, float]

    def __post_init__(self) -> None:
        thresholds = {str(kind): value for kind, value in self.score_thresholds.items()}
        _require_probabilities("score_thresholds", thresholds, self.kinds)


@dataclass(frozen=True, kw_only=True)
class ClassifierCard:
    """A classifier; a class is a candidate when its probability reaches its `conformal` threshold.

    Of a cell named as one of the `described` classes it tells `attributes`, each by the probabilities of its values.

    A cell is named by its most probable class when that is a candidate and reaches `confidence`. A cell whose
    out-of-distribution score exceeds `distance` resembles nothing in training. Raises ValueError.
    """

    name: str
    version: str
    sha256: str
    um_per_px: float
    input: Input
    classes: tuple[str, ...]
    conformal: dict[str, float]
    confidence: float
    distance: float
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    described: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require_probabilities("conformal", self.conformal, self.classes)
        if not 0 <= self.confidence <= 1:
            raise ValueError("confidence must be a probability, 0 to 1")
        if unknown := set(self.described) - set(self.classes):
            raise ValueError(f"described must name classes, not {', '.join(sorted(unknown))}")


ModelCard: TypeAlias = DetectorCard | ClassifierCard


def _require_probabilities(what: str, values: dict[str, float], names: tuple[str, ...]) -> None:
    if sorted(values) != sorted(names):
        raise ValueError(f"{what} must name exactly {', '.join(names)}")
    if not all(0 <= value <= 1 for value in values.values()):
        raise ValueError(f"{what} must be probabilities, 0 to 1")
