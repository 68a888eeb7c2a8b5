"""The search for malaria parasites in red cells."""

from collections.abc import Sequence

from services.analysis.cells import Findings, Verdict
from services.analysis.classification import Classifier
from services.analysis.pixels import Rgb

PLASMODIUM = "plasmodium"
UNINFECTED = "uninfected"
_STAGED_FROM = 0.5


class ParasiteSearch:
    """Looks at red cells of any shape: what it finds is told beside the cell's class, and does not change it."""

    def __init__(self, classifier: Classifier) -> None:
        self.card = classifier.card
        self.crop = classifier.crop
        self._classifier = classifier

    def findings(self, crops: Sequence[Rgb]) -> list[Findings]:
        """For each crop (uint8, side x side x 3, the red cell in its centre), in order, the probability of
        ``plasmodium``; from one half on also of each stage, such as ``plasmodium_ring``.
        """
        return [self._findings(verdict) for verdict in self._classifier.classify(crops)]

    def _findings(self, verdict: Verdict) -> Findings:
        by_stage = dict(zip(self.card.classes, verdict.probabilities, strict=True))
        infected = 1 - by_stage.pop(UNINFECTED)
        staged = by_stage if infected >= _STAGED_FROM else {}
        found = {PLASMODIUM: infected} | {f"{PLASMODIUM}_{stage}": p for stage, p in staged.items()}
        return Findings(found, reliable=not verdict.strange)
