"""The figures by which two detectors are compared: F1 of each kind in each completely labelled set."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from services.training.classes import KINDS
from services.training.description import Described
from services.training.detector.crops import LoadedField, load_part
from services.training.detector.evaluation import counts, score
from services.training.detector.figures import f1_of
from services.training.detector.measure import COMPLETE_SOURCES
from services.training.intervals import Counts
from services.training.manifest import Manifest
from services.training.paired import Difference, difference
from services.training.splits import Part


def differences(
    data: Path, manifests: dict[str, Manifest], released: Described, candidate: Described, seed: int
) -> Iterator[Difference]:
    """Of the fields of the test part, by set and kind."""
    fields = load_part(data, manifests, Part.TEST)
    for source in COMPLETE_SOURCES:
        own = [field for field in fields if field.source == source]
        both = [_scored(own, one) for one in (released, candidate)]
        for kind in KINDS:
            yield difference(f"{source}, {kind}: F1", both[0][kind], both[1][kind], f1_of, seed)


def _scored(fields: Sequence[LoadedField], one: Described) -> dict[str, Counts]:
    """Found, correct and labelled cells of each field, by kind, at the detector's own thresholds."""
    scored = score(fields, lambda tiles: one.model(tiles)[0])
    return {kind: counts(scored[kind], one.words["score_thresholds"][kind]) for kind in KINDS}
