"""`frottis status` and `frottis report`: what a state folder knows, read beside a running Frottis or without one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.table import Table

from services.embedded.texts import shown
from services.kit.contracts import Report
from services.kit.database_errors import StateUnusable
from services.kit.database_settings import DatabaseSettings
from services.kit.databases import Databases
from services.kit.disk import advice
from services.kit.errors import FrottisError
from services.kit.objects import Objects
from services.review.worklist import METADATA, Entry, Worklist

_COLOURS = {"acknowledged": "green", "held": "yellow", "refused": "red", "sending": "cyan", "reading": "cyan"}


class NoState(FrottisError):
    """The folder holds no state of Frottis."""


class NoReport(FrottisError):
    """No report is known for what was asked."""


@contextmanager
def open_worklist(state: Path) -> Iterator[Worklist]:
    """The worklist of a state folder, or of the database server, for reading. Raises NoState when there is none."""
    settings = DatabaseSettings.load()
    if not settings.url:
        require_state(state, "review.db")
    database = Databases(state, settings).read("review", METADATA)
    try:
        yield Worklist(database)
    finally:
        database.close()


def require_state(state: Path, name: str) -> None:
    """Raises NoState where the folder does not hold that file, StateUnusable where it may not be looked into."""
    try:
        there = (state / name).is_file()
    except OSError as error:
        what = advice(error, "check the disk that it lies on")
        raise StateUnusable(f"the state folder {state} cannot be looked into ({error.strerror}): {what}") from error
    if not there:
        raise NoState(f"{state} holds no state of Frottis: give the folder that `frottis run --state` was given")


def status_json(entries: Sequence[Entry]) -> list[Mapping[str, object]]:
    """One object per scan; times in ISO 8601, null while unknown."""
    return [
        {
            "scan": entry.scan,
            "slide": entry.slide_id,
            "specimen": entry.specimen,
            "state": entry.standing.state,
            "reason_code": entry.standing.code,
            "reason": entry.standing.text,
            "first_seen": _iso(entry.first_seen),
            "scan_complete": _iso(entry.completed),
            "deadline": _iso(entry.deadline),
            "copy_of": entry.copy_of,
            "control_id": entry.control_id,
        }
        for entry in entries
    ]


def print_status(entries: Sequence[Entry], console: Console, now: datetime) -> None:
    """A table for people: every slide seen, where it is, and why; times of this machine's zone."""
    table = Table("scan", "specimen", "state", "why", "scan complete", "due")
    for entry in entries:
        state = entry.standing.state
        colour = _COLOURS.get(state, "white")
        times = (_clock(entry.completed, now), _clock(entry.deadline, now))
        why = shown(entry.standing.text)
        table.add_row(shown(entry.scan), shown(entry.specimen or "–"), f"[{colour}]{state}[/]", why, *times)
    console.print(table if entries else "No scan has been seen yet.")


def find_report(worklist: Worklist, slide_or_specimen: str) -> Report:
    """The last report. Raises NoReport, saying what to do."""
    report = worklist.report(slide_or_specimen)
    if report is None:
        raise NoReport(f"no report of slide or specimen {slide_or_specimen!r}: see `frottis status` for what is known")
    return report


def report_json(report: Report, objects: Objects) -> Mapping[str, object]:
    """The report as JSON: names as in proto/frottis/v1/report.proto, 64-bit counts as numbers, each measure's cells.

    Raises ObjectMissing when the cells' ids were removed, TransientError.
    """
    fields = MessageToDict(report, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    if report.evidence_uri:
        cells = json.loads(objects.get(report.evidence_uri))
        for measure in fields["measures"]:
            measure["cell_ids"] = cells[measure["name"]]
    return _with_numbers(fields)


def _with_numbers(fields: dict[str, object]) -> dict[str, object]:
    """Protobuf's JSON writes int64 as text; counts are small enough to be numbers."""
    for group, names in (("measures", ("numerator", "denominator")), ("targets", ("wanted", "reached"))):
        for entry in fields.get(group, []):  # type: ignore[attr-defined]
            entry.update({name: int(entry[name]) for name in names})
    scan = fields.get("scan")
    if isinstance(scan, dict):
        scan.update({name: int(scan[name]) for name in ("width_px", "height_px")})
    return fields


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _clock(moment: datetime | None, now: datetime) -> str:
    """The time, and the date where it is not today's."""
    if moment is None:
        return "–"
    there = moment.astimezone()
    return f"{there:%H:%M:%S}" if there.date() == now.astimezone().date() else f"{there:%Y-%m-%d %H:%M:%S}"
