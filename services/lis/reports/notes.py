"""What a report says in words (NTE behind OBR): why, with which limits, and what it was made with."""

from collections.abc import Iterator

from services.kit.contracts import Report
from services.lis.reports.notices import opening
from services.lis.reports.texts import LONGEST_LINE, lines_of, whole

_OPENINGS = {
    "P": "Preliminary: read by machine, to be confirmed by a person.",
    "F": "",
    "C": "Corrects a result that was sent as final.",
}
_ANSWERED_BEFORE = "Results sent before for this order stay as they are."


def notes(report: Report, status: str, *, answered_before: bool) -> list[str]:
    """One text per NTE. A held or refused report gives its reasons and nothing that was counted.

    Raises NotExpressible when what the result was made with is longer than a line.
    """
    texts = [_opening(report, status)]
    if status == "I" and answered_before:
        texts.append(_ANSWERED_BEFORE)
    texts += [reason.text for reason in report.reasons]
    if status != "I":
        texts += [limitation.text for limitation in report.limitations]
    made_with = [whole(line, "a line on slide, scan, models or rules", LONGEST_LINE) for line in _provenance(report)]
    return [*lines_of(texts), *lines_of(made_with)]


def _opening(report: Report, status: str) -> str:
    if status == "I":
        return opening(report)
    return _OPENINGS[status]


def _provenance(report: Report) -> Iterator[str]:
    """What a result must keep to be explained later: slide, scan, models, rules."""
    yield f"Slide {report.slide.slide_id}, report {report.report_id}"
    scan = report.scan
    if scan.identity:
        objective = scan.objective or "not recorded"
        yield f"Scan fingerprint {scan.identity}, {scan.um_per_px:g} um/px, objective {objective}"
    for model in report.models:
        yield f"Model {model.name} {model.version}, SHA-256 {model.sha256}"
    if report.rules_version:
        yield f"Rules {report.rules_version}"
