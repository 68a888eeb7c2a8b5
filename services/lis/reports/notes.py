"""What a report says in words (NTE behind OBR): why, with which limits, and what it was made with."""

from collections.abc import Iterator

from services.kit.contracts import Decision, Report

_NO_VALUES = {
    Decision.DECISION_HELD: "Held for a person: no values are sent. The values follow after review.",
    Decision.DECISION_REFUSED: "The slide could not be read: no values are sent. Send a new slide or read it by eye.",
}
_OPENINGS = {
    "P": "Preliminary: read by machine, to be confirmed by a person.",
    "F": "",
    "C": "Corrects a result that was sent as final.",
}
_ANSWERED_BEFORE = "Results sent before for this order stay as they are."


def notes(report: Report, status: str, *, answered_before: bool) -> list[str]:
    """One text per NTE. A held or refused report gives its reasons and nothing that was counted."""
    lines = [_opening(report, status)]
    if status == "I" and answered_before:
        lines.append(_ANSWERED_BEFORE)
    lines += [reason.text for reason in report.reasons]
    if status != "I":
        lines += [limitation.text for limitation in report.limitations]
    lines += _provenance(report)
    return [text for line in lines for text in line.splitlines() if text.strip()]


def _opening(report: Report, status: str) -> str:
    if status == "I":
        return _NO_VALUES[report.decision]
    return _OPENINGS[status]


def _provenance(report: Report) -> Iterator[str]:
    """What a result must keep to be explained later: slide, scan, models, rules."""
    yield f"Slide {report.slide.slide_id}, report {report.report_id}"
    scan = report.scan
    if scan.identity:
        yield f"Scan SHA-256 {scan.identity}, {scan.um_per_px:g} um/px, objective {scan.objective or 'not recorded'}"
    for model in report.models:
        yield f"Model {model.name} {model.version}, SHA-256 {model.sha256}"
    if report.rules_version:
        yield f"Rules {report.rules_version}"
