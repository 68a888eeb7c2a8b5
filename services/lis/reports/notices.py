"""How a notice without values begins: whether any follow, and of what. The reasons come behind it."""

from collections.abc import Sequence

from services.kit.contracts import Decision, Reason, Report

_REVIEW = "Held for a person: no values are sent. The values follow after review."
_PERSON = "Held for a person: no values are sent."
_LATER = "No values are sent yet: the slide could not be read in time. They follow when it is read."
_FILES = (
    "No values are sent: the scan could not be read. None follow unless its files come to the share whole, "
    "or the slide is scanned again."
)
_SCAN = "No values are sent, and none follow from this scan. Scan the slide again, or read it by eye."
_REFUSED = "The slide could not be read: no values are sent. Send a new slide or read it by eye."

# By the code of a reason. Every other one is that of a slide that was read, and of which a person says more.
_OPENINGS = {
    **dict.fromkeys(("incomplete", "restless", "unreachable", "unsteady", "removed", "name"), _FILES),
    **dict.fromkeys(("film_empty", "film_unstained", "film_unfocused", "film_unreadable"), _SCAN),
    **dict.fromkeys(("scan_too_coarse", "scan_oversized", "barcode", "changed", "expired"), _SCAN),
    **dict.fromkeys(("second_scan", "already_reported"), _PERSON),
    "too_late": _LATER,
}


def opening(report: Report) -> str:
    """The first line of the notice on a report that is held or refused."""
    return _REFUSED if report.decision == Decision.DECISION_REFUSED else _held(report.reasons)


def _held(reasons: Sequence[Reason]) -> str:
    known = (_OPENINGS[reason.code] for reason in reasons if reason.code in _OPENINGS)
    return next(known, _REVIEW)
