"""The detector's figures on fields it was not made with, for its card."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from services.training.classes import KINDS
from services.training.detector.crops import LoadedField
from services.training.detector.evaluation import Scored, counts, figures, score
from services.training.intervals import bootstrap, clopper_pearson
from services.training.runtime import Model
from services.training.tables import share, table

HEAD = ("set", "fields", "kind", "labelled", "found", "correct", "precision", "recall", "F1 at IoU 0.5")


def section(
    by_source: Mapping[str, Sequence[LoadedField]], model: Model, thresholds: Mapping[str, float], seed: int
) -> str:
    """Found, missed and wrongly found cells of each kind and set, and the time a tile takes."""
    rows = []
    for source, fields in by_source.items():
        scored = score(fields, lambda tiles: model(tiles)[0])
        rows += [row((source, len(fields), kind), scored[kind], thresholds[kind], seed) for kind in KINDS]
    time = f"One tile of 1152 x 1152 pixels takes {1000 * model.seconds_each(1):.0f} ms on one thread.\n"
    note = (
        "Intervals of 95 %: of precision and recall exact (Clopper–Pearson), of F1 by drawing fields again "
        "(1,000 times). Score thresholds: " + ", ".join(f"{kind} {thresholds[kind]}" for kind in KINDS) + ".\n"
    )
    return "\n".join([table(HEAD, rows), note, time])


def row(place: tuple[str, int, str], scored: Scored, threshold: float, seed: int) -> tuple[object, ...]:
    """A line under `HEAD`, for one kind of a set: its name, how many fields it has, the kind."""
    found = figures(scored, threshold)
    interval = bootstrap(counts(scored, threshold), f1_of, seed)
    return (
        *place,
        found.labelled,
        found.found,
        found.correct,
        share(found.precision, clopper_pearson(found.correct, found.found)),
        share(found.recall, clopper_pearson(found.correct, found.labelled)),
        share(found.f1, interval),
    )


def f1_of(total: npt.NDArray[np.int64]) -> float:
    """F1 of found, correct and labelled cells."""
    found, correct, labelled = total
    return float(2 * correct / max(found + labelled, 1))
