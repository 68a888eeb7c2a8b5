"""What the simulated LIS counts, specimen by specimen: what it has, what came again, what contradicts itself."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from services.simulator.lis.journal import read_journal
from services.simulator.lis.placing import ORDER, ORDERED
from services.simulator.lis.record import NO_MESSAGE, REPORT, ReceivedReport, received

NOTICE = "I"


@dataclass
class Tally:
    """One specimen's messages, by MSH-10."""

    # Stored, with values (OBR-25 P, F, C): the reports that count.
    effective: list[str] = field(default_factory=list)
    # Stored, without values (OBR-25 I): held for a person, refused, or a word about values that were sent.
    notices: list[str] = field(default_factory=list)
    # Stored, and never answered so that the sender could know.
    unconfirmed: list[str] = field(default_factory=list)
    # Answered AE or AR whenever they came.
    refused: list[str] = field(default_factory=list)
    # At fault in the eyes of the LIS: malformed, for another patient, or never ordered.
    faulty: list[str] = field(default_factory=list)
    # How often a message came again, unchanged.
    repeats: int = 0
    # How often a message came under the MSH-10 of another one.
    conflicts: int = 0


def tally(reports: Iterable[ReceivedReport]) -> dict[str, Tally]:
    """By specimen number (SPM-2), in the order of their first messages."""
    messages: dict[str, list[ReceivedReport]] = {}
    for report in reports:
        messages.setdefault(report.control_id, []).append(report)
    counted: dict[str, Tally] = {}
    for same in messages.values():
        _count(counted.setdefault(same[0].specimen, Tally()), same)
    return counted


def tally_of(journal: Path) -> dict[str, Any]:
    """The count of a journal, for JSON. Raises JournalError.

    `specimens` and `total` as in `Tally`; `orders`: Frottis' last word by placer number, empty before it came;
    `no_message`: frames that were no HL7.
    """
    entries = read_journal(journal)
    specimens = tally(received(entry) for entry in entries if entry["kind"] == REPORT)
    return {
        "specimens": {specimen: asdict(one) for specimen, one in specimens.items()},
        "total": _total(specimens),
        "orders": {entry["placer"]: entry.get("code", "") for entry in entries if entry["kind"] in (ORDER, ORDERED)},
        "no_message": sum(entry["kind"] == NO_MESSAGE for entry in entries),
    }


def _count(counted: Tally, same: list[ReceivedReport]) -> None:
    """Add the arrivals of one MSH-10."""
    stored = next((report for report in same if report.stored), None)
    first = stored or same[0]
    if stored is None:
        counted.refused.append(first.control_id)
    else:
        (counted.notices if stored.status == NOTICE else counted.effective).append(first.control_id)
        if not any(report.accepted for report in same):
            counted.unconfirmed.append(first.control_id)
    if any(report.problems for report in same):
        counted.faulty.append(first.control_id)
    unchanged = sum(report.content == first.content for report in same)
    counted.repeats += unchanged - 1
    counted.conflicts += len(same) - unchanged


def _total(specimens: Mapping[str, Tally]) -> dict[str, int]:
    rows = [asdict(one) for one in specimens.values()]
    sizes = [{name: v if isinstance(v, int) else len(v) for name, v in row.items()} for row in rows]
    return {name: sum(size[name] for size in sizes) for name in asdict(Tally())}
