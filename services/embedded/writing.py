"""A report as people read it in a terminal."""

import itertools
from collections.abc import Iterator

from rich.console import Console
from rich.table import Column, Table

from services.embedded.texts import shown
from services.kit.contracts import Decision, Measure, Milestone, Report
from services.kit.stages import stage_name


def print_report(report: Report, console: Console) -> None:
    """Decision and reasons, every measure with its counts and interval, findings, limitations and the time taken."""
    decision = Decision.Name(report.decision).removeprefix("DECISION_").lower().replace("_", " ")
    specimen, slide = shown(report.slide.specimen or "–"), shown(report.slide.slide_id)
    console.print(f"[bold]Specimen {specimen}[/]  slide {slide}  [bold]{decision}[/]")
    for reason in report.reasons:
        console.print(f"  {shown(reason.text)}")
    console.print(measures_table(report))
    if report.distributions:
        console.print(distributions_table(report))
    for why in withheld(report):
        console.print(f"[cyan]withheld[/] {shown(why)}")
    for finding in report.findings:
        origin = shown(f"({finding.rule_id}; {finding.source})")
        console.print(f"[yellow]{shown(finding.effect)}[/] {shown(finding.text)}  [dim]{origin}[/]")
    for limitation in report.limitations:
        console.print(f"[cyan]limit[/] {shown(limitation.text)}")
    basis = f"rules {report.rules_version} · models {', '.join(_models(report))}"
    console.print(f"[dim]{shown(basis)}[/]")
    times = _times(report)
    if times:
        console.print(f"[dim]{shown(times)}[/]")


def measures_table(report: Report) -> Table:
    """Every measure: value with its grade, 95 % interval, counts."""
    table = Table(Column("measure", no_wrap=True), "value", "95 % interval", "cells")
    for measure in report.measures:
        table.add_row(*map(shown, (measure.name, *figures(measure))))
    return table


def distributions_table(report: Report) -> Table:
    """Sizes and shapes of the red cells that stand alone: how they are spread."""
    table = Table(Column("measured", no_wrap=True), "mean", "SD", "middle 95 %", "cells")
    for one in report.distributions:
        spread = f"{one.low:.2f} – {one.high:.2f}"
        cells = (one.name, f"{one.mean:.2f} {one.unit}", f"{one.sd:.2f}", spread, str(one.cells))
        table.add_row(*map(shown, cells))
    return table


def withheld(report: Report) -> Iterator[str]:
    """Why measures have counts and no value, each reason once with the measures that it holds for."""
    reasons: dict[str, list[str]] = {}
    for measure in report.measures:
        if measure.withheld.text:
            reasons.setdefault(measure.withheld.text, []).append(measure.name)
    for text, names in reasons.items():
        yield f"{text}: no value for {', '.join(names)}"


def figures(measure: Measure) -> tuple[str, str, str]:
    """Value with unit, interval, and counts, as text; empty where there is none."""
    grade = f" {measure.grade}+" if measure.grade else ""
    value = f"{measure.value:.1f} {measure.unit}{grade}" if measure.HasField("value") else "–"
    interval = f"{measure.low:.1f} – {measure.high:.1f}" if measure.HasField("low") else ""
    of = f" / {measure.denominator} {measure.denominator_unit.strip('{}')}".rstrip() if measure.denominator else ""
    counts = f"{measure.numerator}{of}"
    return value, interval, counts


def _models(report: Report) -> list[str]:
    return [f"{model.name} {model.version} ({model.sha256[:8]})" for model in report.models]


def _times(report: Report) -> str:
    """How long each step took; empty for a scan of which only one moment is known, as it never was complete."""
    stages = report.slide.milestones
    if len(stages) < 2:
        return ""
    steps = itertools.pairwise(stages)
    took = (f"{stage_name(after.stage)} {_seconds(after) - _seconds(before):.1f} s" for before, after in steps)
    start = stage_name(stages[0].stage).replace("_", " ")
    return f"from {start}: {', '.join(took)}"


def _seconds(milestone: Milestone) -> float:
    return milestone.at.ToMicroseconds() / 1e6
