"""Figures of a search: how much of what is sought is found, and how much else is taken for it, by threshold."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.training.classifier.answers import Answers
from services.training.intervals import clopper_pearson, resampled
from services.training.tables import share, table

_THRESHOLDS = (0.5, 0.8, 0.9, 0.95, 0.99)
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def sought_section(found: Answers, classes: Sequence[str], sought: Sequence[str], seed: int) -> str:
    """Of cells whose class is known: average precision, and by threshold recall and false alarms."""
    own = np.array([name in sought for name in classes])
    known = found.single
    scores, positive = known.probabilities[:, own].sum(axis=1), own[known.targets]
    rows = []
    for threshold in _THRESHOLDS:
        alarms, others = int((scores[~positive] >= threshold).sum()), int((~positive).sum())
        rows.append((f"≥ {threshold}", _found(scores[positive] >= threshold), alarms, others, _rate(alarms, others)))
    head = ("probability of " + " or ".join(sought), "found", "false alarms", "of others", "per 1000 (95 % limits)")
    counted = f"{int(positive.sum())} cells that are sought among {len(positive)}"
    return "\n".join([f"{counted}{_precision(scores, positive, seed)}.\n", table(head, rows)])


def average_precision(scores: Floats, positive: Bools) -> float:
    """Precision averaged over the positives, each at its own score (equal scores together); nan without positives."""
    if not positive.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits = np.cumsum(right)[last]
    gained = np.diff(np.concatenate([[0], hits]))
    return float((gained * hits / (last + 1)).sum() / positive.sum())


def _precision(scores: Floats, positive: Bools, seed: int) -> str:
    if not positive.any():
        return ""
    precision = average_precision(scores, positive)
    limits = resampled(len(scores), lambda drawn: average_precision(scores[drawn], positive[drawn]), seed)
    return f": average precision {share(precision, limits)}"


def _found(hit: Bools) -> str:
    return share(float(hit.mean()), clopper_pearson(int(hit.sum()), len(hit))) if len(hit) else "none sought"


def _rate(alarms: int, others: int) -> str:
    if not others:
        return "no others"
    low, high = clopper_pearson(alarms, others)
    return f"{1000 * alarms / others:.2f} ({1000 * low:.2f}–{1000 * high:.2f})"
