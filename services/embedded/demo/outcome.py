"""What a demonstration ends with: the differential beside the truth, the HL7 message, and the time it took."""

import itertools
from collections import Counter

from rich.console import Console
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from services.embedded.texts import printable, shown
from services.embedded.writing import figures
from services.kit.clock import from_timestamp
from services.kit.contracts import Delivery, Measure, Report
from services.kit.stages import stage_name
from services.simulator.composer import Truth

PROMISE_S = 1800.0
SEGMENTS_SHOWN = 24
NUCLEATED_OUTSIDE = frozenset({"erythroblast"})


def differential_table(report: Report, truth: Truth) -> Table:
    """The leukocytes as counted, with 95 % intervals, beside what the slide was composed of."""
    composed = truth.count("leukocyte")
    counted = sum(count for label, count in composed.items() if label not in NUCLEATED_OUTSIDE)
    table = Table("leukocytes", "counted", "%", "95 % interval", "truth %", "", title="Differential")
    for measure in report.measures:
        group, _, label = measure.name.partition(".")
        if group == "differential" and (measure.numerator or composed[label]):
            table.add_row(shown(label.replace("_", " ")), *_beside(measure, _share(composed, label, counted)))
    return table


def _share(composed: Counter[str], label: str, counted: int) -> float:
    """The label's percentage on the slide; `neutrophils` sums the segmented and the band forms."""
    labels = ("neutrophil_segmented", "neutrophil_band") if label == "neutrophils" else (label,)
    return 100 * sum(composed[name] for name in labels) / counted


def _beside(measure: Measure, truth: float) -> tuple[str, ...]:
    value, interval, counts = map(shown, figures(measure))
    if not measure.HasField("low"):
        return counts, value, interval, f"{truth:.1f}", "[dim]withheld[/]"
    inside = measure.low <= truth <= measure.high
    return counts, value, interval, f"{truth:.1f}", "[green]within[/]" if inside else "[yellow]outside[/]"


def other_table(report: Report, truth: Truth) -> Table:
    """The other measures that say something, beside the truth where the composed slide has one."""
    platelets = sum(truth.count("platelet").values())
    shapes = truth.count("erythrocyte")
    erythrocytes = sum(shapes.values())
    known = {
        **{f"erythrocytes.{shape}": f"{100 * cells / erythrocytes:.1f} %" for shape, cells in shapes.items()},
        "erythrocytes.counted": f"{erythrocytes} on the slide",
        "platelets.counted": f"{platelets} on the slide",
        "platelets.clumps": f"{len(truth.clumps)} on the slide",
    }
    table = Table(Column("measure", no_wrap=True), "value", "95 % interval", "cells", "truth", title="Other measures")
    for measure in report.measures:
        if not measure.name.startswith("differential.") and measure.numerator:
            table.add_row(*map(shown, (measure.name, *figures(measure), known.get(measure.name, ""))))
    return table


def times_table(delivery: Delivery) -> Table:
    """Each stage's seconds, and the whole against the promise."""
    table = Table("stage", "s", title="From scan complete to acknowledged")
    moments = [(stage_name(m.stage), from_timestamp(m.at)) for m in delivery.slide.milestones]
    for (_, before), (name, after) in itertools.pairwise(moments):
        table.add_row(shown(name.replace("_", " ")), f"{(after - before).total_seconds():.1f}")
    whole = (moments[-1][1] - moments[0][1]).total_seconds()
    table.add_row("[bold]all[/]", f"[bold]{whole:.1f}[/] of {PROMISE_S:.0f}")
    return table


def print_hl7(message: str, acknowledgement: str, console: Console) -> None:
    """Both messages, a segment a line; the patient is a fictitious one of the LIS simulator."""
    for title, text in (("ORU^R01 to the LIS", message), ("its acknowledgement", acknowledgement)):
        segments = text.replace("\r", "\n").strip().split("\n")
        more = [f"… and {len(segments) - SEGMENTS_SHOWN} more segments"] if len(segments) > SEGMENTS_SHOWN else []
        shortened = Text("\n".join(map(printable, segments[:SEGMENTS_SHOWN] + more)))
        console.print(Panel(shortened, title=title, title_align="left"))
