"""The pictures of a classifier's card: whether its probabilities are true, and what refusing the unsure ones gains."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from services.training.classifier.answers import Answers
from services.training.errors import TrainingError

RELIABILITY_FILE, RISK_FILE = "reliability.png", "risk_coverage.png"
_BINS = 10
_SIZE_INCHES, _DPI = (5.5, 4.5), 90


def draw(by_place: Mapping[str, Answers], folder: Path) -> None:
    """Writes both pictures, a line for each set whose cells have a class. Raises TrainingError without matplotlib."""
    curves = {place: found.single for place, found in by_place.items() if len(set(found.single.targets)) > 1}
    _plot(
        folder / RELIABILITY_FILE,
        {place: reliability(found) for place, found in curves.items()},
        ("probability of the likeliest class", "share that is right"),
        diagonal=True,
    )
    _plot(
        folder / RISK_FILE,
        {place: risk_by_coverage(found) for place, found in curves.items()},
        ("share of cells that are named, the most probable first", "share of these that is wrong"),
        diagonal=False,
    )


def reliability(found: Answers) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean probability of the likeliest class and share right, in bins of as many cells each."""
    confidence, right = _judged(found)
    order = np.argsort(confidence, kind="stable")
    bins = [part for part in np.array_split(order, _BINS) if len(part)]
    return np.array([confidence[part].mean() for part in bins]), np.array([right[part].mean() for part in bins])


def risk_by_coverage(found: Answers) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Share of the cells kept and share of those that is wrong, when all less probable than one are refused."""
    confidence, right = _judged(found)
    order = np.argsort(-confidence, kind="stable")
    kept = np.arange(1, len(order) + 1)
    return kept / len(order), np.cumsum(~right[order]) / kept


def _judged(found: Answers) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    best = found.probabilities.argmax(axis=1)
    return found.probabilities.max(axis=1), np.asarray(best == found.targets)


def _plot(path: Path, curves: Mapping[str, Any], labels: tuple[str, str], *, diagonal: bool) -> None:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  # installed only where models are trained
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is missing; install the dependency group `train`") from error
    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot(xlabel=labels[0], ylabel=labels[1])
    if diagonal:
        axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", label="as it says")
    for place, (across, up) in curves.items():
        axes.plot(across, up, marker="o" if diagonal else "", markersize=4, label=place)
    axes.grid(color="0.9")
    axes.legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})
