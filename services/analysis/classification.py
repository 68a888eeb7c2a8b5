"""From crops to verdicts that say when they do not know."""

from collections.abc import Mapping, Sequence

import numpy as np

from services.analysis.cards import ClassifierCard
from services.analysis.cells import UNIDENTIFIED, Verdict
from services.analysis.pixels import Rgb
from services.analysis.runtime import ModelRuntime


class Classifier:
    """A classifier model behind a runtime; `crop` is the side, in pixels, of what it sees of a cell."""

    def __init__(self, runtime: ModelRuntime, card: ClassifierCard) -> None:
        self.card = card
        self.crop = card.input.shape[0]
        self._runtime = runtime

    def classify(self, crops: Sequence[Rgb]) -> list[Verdict]:
        """A verdict for each crop (uint8, side x side x 3, the cell in its centre), in order."""
        if not crops:
            return []
        outputs = self._runtime.infer(self.card.name, {self.card.input.name: np.stack(crops)})
        probabilities, distances = outputs["probabilities"].tolist(), outputs["distance"].tolist()
        described = outputs["attributes"].tolist() if self.card.attributes else [[]] * len(crops)
        return [self._verdict(*answers) for answers in zip(probabilities, distances, described, strict=True)]

    def _verdict(self, probabilities: list[float], distance: float, described: list[float]) -> Verdict:
        if distance > self.card.distance:
            # It resembles nothing in training, so no class is a candidate, however probable among those there are.
            return Verdict(UNIDENTIFIED, tuple(probabilities), (), strange=True)
        candidates = conformal_set(self.card.classes, probabilities, self.card.conformal)
        label = label_of(self.card.classes, probabilities, candidates, self.card.confidence)
        attributes = self._attributes(described) if label in self.card.described else {}
        return Verdict(label, tuple(probabilities), candidates, attributes=attributes)

    def _attributes(self, described: list[float]) -> dict[str, dict[str, float]]:
        remaining = iter(described)
        return {name: {v: next(remaining) for v in values} for name, values in self.card.attributes.items()}


def conformal_set(
    classes: Sequence[str], probabilities: Sequence[float], thresholds: Mapping[str, float]
) -> tuple[str, ...]:
    """Every class that cannot be excluded: its probability reaches the threshold that calibration found for it.

    With class-wise thresholds the true class is in the set at the promised rate for each class, rare ones too (Sadinle,
    Lei and Wasserman, 2019, "Least ambiguous set-valued classifiers").
    """
    return tuple(name for name, p in zip(classes, probabilities, strict=True) if p >= thresholds[name])


def label_of(
    classes: Sequence[str], probabilities: Sequence[float], candidates: Sequence[str], confidence: float
) -> str:
    """The most probable class when it is a candidate and reaches `confidence`; else `unidentified`.

    Other candidates do not take the name away: between a band and a segmented neutrophil, or a metamyelocyte and a
    myelocyte, most cells have two. They stay with the cell, for the rules that must not miss a class.
    """
    best = max(probabilities)
    name = classes[list(probabilities).index(best)]
    return name if name in candidates and best >= confidence else UNIDENTIFIED
