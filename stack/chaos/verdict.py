"""What came of the slides: the LIS's own count beside the worklist's word, and the undisturbed reading beside both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.table import Table

from services.review.states import State
from services.review.worklist import Entry
from services.simulator.lis.record import ReceivedReport
from stack.chaos.slides import Said, Slide, said


class Outcome(StrEnum):
    """How a slide ended. The last four are failures."""

    REPORTED = "one report"
    HELD = "held, and said why"
    LOST = "lost"
    DOUBLED = "doubled"
    WRONG = "wrong"
    UNTRUE = "held for another reason than the LIS gave"

    @property
    def sound(self) -> bool:
        return self in (Outcome.REPORTED, Outcome.HELD)


@dataclass(frozen=True)
class Line:
    """A slide and how it ended."""

    slide: Slide
    state: str
    reason: str
    reports: int
    outcome: Outcome


def judged(
    slide: Slide, entry: Entry | None, received: Sequence[ReceivedReport], undisturbed: Mapping[str, Said]
) -> Line:
    """How the slide ended; `received` is every message on its order."""
    # A message that comes again, unchanged, is one. What is stored counts, also when it is refused another time.
    stored = {(report.control_id, report.content) for report in received if report.stored}
    results = [said(content) for _, content in sorted(stored)]
    if any(report.problems for report in received):
        outcome = Outcome.WRONG
    else:
        outcome = _outcome(entry, results, undisturbed[slide.film], refused=any(map(_refused, received)))
    state = entry.standing.state if entry else "unseen"
    reason = f"{entry.standing.code}: {entry.standing.text}" if entry and entry.standing.code else ""
    return Line(slide, state, reason, len(stored), outcome)


def table(lines: Sequence[Line]) -> Table:
    """All slides, one a row."""
    shown = Table("slide", "specimen", "state", "reports at the LIS", "outcome", "reason", title="Every slide")
    for line in lines:
        colour = "green" if line.outcome.sound else "bold red"
        slide = line.slide
        outcome = f"[{colour}]{line.outcome}[/]"
        reason = "" if line.outcome is Outcome.REPORTED else line.reason
        shown.add_row(slide.name, slide.specimen, line.state, str(line.reports), outcome, reason)
    return shown


def _refused(report: ReceivedReport) -> bool:
    return f"\nMSA|AE|{report.control_id}\n" in report.answer or f"\nMSA|AR|{report.control_id}\n" in report.answer


def _outcome(entry: Entry | None, results: Sequence[Said], undisturbed: Said, *, refused: bool) -> Outcome:
    if len(results) > 1:
        return Outcome.DOUBLED
    if entry is None or not (entry.standing.state.ended and entry.delivered):
        return Outcome.LOST
    if any(one != undisturbed for one in results):
        return Outcome.WRONG
    if entry.standing.state is State.HELD:
        # The films are sound: nothing but the LIS may stop them.
        true = entry.standing.code == "lis_rejected" and refused and not results
        return Outcome.HELD if true else Outcome.UNTRUE
    return Outcome.REPORTED if results else Outcome.LOST
