"""OBR-25 and OBX-11 of a report (HL7 v2.5.1 tables 0123 and 0085)."""

import hashlib
from collections.abc import Collection

from services.kit.contracts import Decision, Report

# What was final once stays on record as such: whatever follows corrects it.
_WAS_FINAL = frozenset("FC")


def status_of(report: Report, sent_before: Collection[str]) -> str:
    """P, F, C or I. `sent_before`: the statuses of what this order was sent already.

    C corrects a final result; a further preliminary one replaces a preliminary one as P. I: no results.
    """
    if report.decision != Decision.DECISION_RELEASED:
        return "I"
    if _WAS_FINAL.intersection(sent_before):
        return "C"
    return "F" if report.final else "P"


def control_id_of(report_id: str) -> str:
    """MSH-10 of a report, the same at every attempt and after every restart: 20 characters, as v2.5.1 allows."""
    return hashlib.sha256(f"control\n{report_id}".encode()).hexdigest()[:20].upper()
