"""The trials as a picture: what was reported beside what the film holds."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from trials.reading import Outcome

_SHOWN = (
    "differential.neutrophils",
    "differential.neutrophil_band",
    "differential.lymphocyte",
    "differential.monocyte",
    "differential.eosinophil",
    "differential.blast",
    "erythroblasts.per_100_leukocytes",
    "erythrocytes.plasmodium",
    "platelets.per_100_erythrocytes",
)
_COLUMNS, _SIZE_INCHES, _DPI = 3, (11, 10), 90


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write a PNG: a panel for each figure, a point with its limits for each patient; withheld ones on the axis."""
    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    panels = figure.subplots(-(-len(_SHOWN) // _COLUMNS), _COLUMNS).ravel()
    for axes, name in zip(panels, _SHOWN, strict=False):
        pairs = [(o.truth.get(name, 0.0), o.figures[name]) for o in outcomes if name in o.figures]
        most = max([1.0, *(truth for truth, _ in pairs), *(read.value or 0.0 for _, read in pairs)])
        axes.plot([0, most], [0, most], color="0.7", linewidth=1)
        for truth, read in pairs:
            if read.value is None or read.low is None or read.high is None:
                axes.plot(truth, 0, marker="x", color="0.5", markersize=4)
                continue
            within = read.low <= truth <= read.high
            bars = [[read.value - read.low], [read.high - read.value]]
            colour = "tab:blue" if within else "tab:red"
            axes.errorbar(truth, read.value, yerr=bars, marker="o", markersize=3, color=colour, linewidth=0.8)
        axes.set_title(name, fontsize="small")
        axes.set_xlabel("on the film", fontsize="small")
        axes.set_ylabel("reported", fontsize="small")
    figure.savefig(path, dpi=_DPI)
