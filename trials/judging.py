"""What the trials show: each figure against its own limits, each flag by patient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.training.intervals import clopper_pearson
from services.training.tables import share, table
from trials.reading import Outcome

Truth = Mapping[str, float]
_SHARES = ("differential", "erythrocytes")
_RATES = ("erythroblasts.per_100_leukocytes", "platelets.per_100_erythrocytes")


@dataclass(frozen=True)
class Flag:
    """What a film must be flagged for, and the rules that tell it.

    Who has `least` of the `figures` together or more has it; who has `none` or less surely has not; others are between.
    """

    name: str
    rules: frozenset[str]
    figures: tuple[str, ...]
    least: float
    none: float = 0.0

    def amount(self, truth: Truth) -> float:
        """How much of it a film holds."""
        return sum(truth.get(figure, 0.0) for figure in self.figures)


_BLASTS = frozenset({"blasts", "blasts_at_edge", "many_possible_blasts"})
_EARLY = ("differential.myelocyte", "differential.promyelocyte")
FLAGS = (
    Flag("blasts, ≥ 2 %: held", _BLASTS, ("differential.blast",), 2),
    Flag(
        "blasts, ≥ 2 %: held or flagged", _BLASTS | {"blast_seen", "some_possible_blasts"}, ("differential.blast",), 2
    ),
    Flag(
        "myelocytes and promyelocytes, ≥ 2 %: held",
        frozenset({"early_granulocytes", "many_possible_early_granulocytes"}),
        _EARLY,
        2,
    ),
    Flag(
        "erythroblasts, ≥ 4 of 100: held",
        frozenset({"erythroblasts", "many_possible_erythroblasts"}),
        ("erythroblasts.per_100_leukocytes",),
        4,
    ),
    Flag("malaria, ≥ 0.5 % of red cells: critical", frozenset({"plasmodium"}), ("erythrocytes.plasmodium",), 0.5),
    Flag(
        "malaria, ≥ 0.1 % of red cells: critical or held",
        frozenset({"plasmodium", "plasmodium_possible"}),
        ("erythrocytes.plasmodium",),
        0.1,
    ),
    Flag(
        "platelet clumps, ≥ 3 on the film",
        frozenset({"platelet_clumps", "pseudothrombocytopenia"}),
        ("platelets.clumps",),
        3,
    ),
    Flag(
        "schistocytes, ≥ 1.5 %: held or flagged",
        frozenset({"schistocytes", "schistocytes_possible"}),
        ("erythrocytes.schistocyte",),
        1.5,
        none=0.5,
    ),
)


def flags_table(outcomes: Sequence[Outcome]) -> str:
    """Sensitivity and specificity of each flag, by patient, with exact limits."""
    rows = []
    for flag in FLAGS:
        raised = [not flag.rules.isdisjoint(outcome.rules) for outcome in outcomes]
        amounts = [flag.amount(outcome.truth) for outcome in outcomes]
        have = [told for told, amount in zip(raised, amounts, strict=True) if amount >= flag.least]
        lack = [not told for told, amount in zip(raised, amounts, strict=True) if amount <= flag.none]
        rows.append((flag.name, *_rate(have), *_rate(lack)))
    return table(("flag", "patients with it", "sensitivity", "patients without", "specificity"), rows)


def figures_table(outcomes: Sequence[Outcome]) -> str:
    """Each figure: how often it was given, how often the truth lay within its limits, and by how much it was off."""
    rows = []
    for name in sorted({name for outcome in outcomes for name in outcome.figures if known(name)}):
        own = [outcome for outcome in outcomes if name in outcome.figures]
        pairs = [(outcome.figures[name], outcome.truth.get(name, 0.0)) for outcome in own]
        given = [(read.value, read.low, read.high, truth) for read, truth in pairs if read.low is not None]
        rows.append((name, len(own), len(given), *(_errors(np.array(given, float)) if given else [""] * 4)))
    head = ("figure", "patients", "given", "truth within its limits (aim 0.95)", "mean error", "mean size", "largest")
    return table(head, rows)


def known(name: str) -> bool:
    """Whether the trials know what a figure should be: 0 where the film has no such cell."""
    group, _, label = name.partition(".")
    return name in _RATES or (group in _SHARES and label not in ("counted", "unidentified"))


def ailments_table(outcomes: Sequence[Outcome]) -> str:
    """What became of the patients of each ailment."""
    rows = []
    for name in dict.fromkeys(outcome.ailment for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.ailment == name]
        decisions = ", ".join(
            f"{sum(outcome.decision == decision for outcome in own)} {decision}"
            for decision in dict.fromkeys(outcome.decision for outcome in own)
        )
        seconds = [outcome.seconds for outcome in own]
        rows.append((name, len(own), decisions, f"{np.median(seconds):.0f}", f"{max(seconds):.0f}"))
    return table(("ailment", "patients", "decisions", "median s", "longest s"), rows)


def _errors(given: npt.NDArray[np.float64]) -> tuple[str, ...]:
    """Of n x 4: value, its limits, truth."""
    value, low, high, truth = given.T
    within, off = int(((low <= truth) & (truth <= high)).sum()), value - truth
    limits = share(within / len(off), clopper_pearson(within, len(off)))
    return limits, f"{off.mean():+.2f}", f"{np.abs(off).mean():.2f}", f"{np.abs(off).max():.2f}"


def _rate(right: Sequence[bool]) -> tuple[int, str]:
    if not right:
        return 0, "no patient"
    return len(right), share(sum(right) / len(right), clopper_pearson(sum(right), len(right)))
