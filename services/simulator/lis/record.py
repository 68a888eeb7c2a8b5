"""What the simulated LIS received, in memory and, if asked, in a journal that survives it."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from services.simulator.lis.er7 import segments, value
from services.simulator.lis.journal import Entry, Journal

# Kinds of entries in the journal.
REPORT, NO_MESSAGE = "report", "no message"


@dataclass(frozen=True)
class ReceivedReport:
    """One message as it came in. `stored`: the LIS counts it. `problems`: what is wrong with it, as the LIS sees it."""

    content: bytes
    control_id: str
    # ORC-2, SPM-2 and OBR-25.
    placer: str
    specimen: str
    status: str
    stored: bool
    problems: tuple[str, ...] = ()
    # What the LIS says to it, one segment per line; empty when it keeps silent or misbehaves.
    answer: str = ""
    # The manner in which it is answered, and when it came (ISO 8601, UTC).
    manner: str = ""
    at: str = ""

    @property
    def text(self) -> str:
        """One segment per line."""
        return self.content.decode("utf-8").replace("\r", "\n")

    @property
    def accepted(self) -> bool:
        """Whether the LIS said AA to it, whoever heard that."""
        return f"\nMSA|AA|{self.control_id}\n" in self.answer


def report_of(content: bytes, *, stored: bool, problems: tuple[str, ...] = ()) -> ReceivedReport:
    """Raises ValueError for what is no HL7."""
    rows = segments(content)
    orc, obr, spm = (next((row for row in rows if row[0] == name), [name]) for name in ("ORC", "OBR", "SPM"))
    at = datetime.now(UTC).isoformat()
    return ReceivedReport(
        content, value(rows[0], 10), value(orc, 2), value(spm, 2), value(obr, 25), stored, problems, at=at
    )


def received(entry: Entry) -> ReceivedReport:
    """A report from its entry in the journal."""
    fields: dict[str, Any] = {name: entry[name] for name in ReceivedReport.__dataclass_fields__}
    return ReceivedReport(
        **fields | {"content": entry["content"].encode("utf-8"), "problems": tuple(entry["problems"])}
    )


class Record:
    """Every message in the order of arrival. Safe for use by several threads."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._changed = threading.Condition()
        earlier = journal.entries if journal is not None else []
        self._reports = [received(entry) for entry in earlier if entry["kind"] == REPORT]
        self._broken: list[str] = []

    def add(self, report: ReceivedReport) -> None:
        """In the journal, if there is one, when it returns: a LIS answers for what it has stored. Raises OSError."""
        with self._changed:
            self._write({"kind": REPORT, **asdict(report), "content": report.content.decode("utf-8")})
            self._reports.append(report)
            self._changed.notify_all()

    def add_no_message(self, content: bytes, why: str) -> None:
        """A whole frame came that is no HL7. Raises OSError."""
        at = datetime.now(UTC).isoformat()
        self._write({"kind": NO_MESSAGE, "at": at, "why": why, "content": content.decode("latin-1")})
        self.add_broken(why)

    def add_broken(self, why: str) -> None:
        """Something came that is no message at all."""
        with self._changed:
            self._broken.append(why)
            self._changed.notify_all()

    def stored(self, control_id: str) -> ReceivedReport | None:
        """The message that the LIS has under this MSH-10."""
        with self._changed:
            return next((one for one in self._reports if one.stored and one.control_id == control_id), None)

    @property
    def reports(self) -> list[ReceivedReport]:
        with self._changed:
            return list(self._reports)

    @property
    def broken(self) -> list[str]:
        with self._changed:
            return list(self._broken)

    def effective(self) -> Counter[str]:
        """Reports that count, by placer order number: a control id counts once, however often it came."""
        return Counter(placer for placer, _ in {(r.placer, r.control_id) for r in self.reports if r.stored})

    def duplicates(self) -> Counter[str]:
        """How often more than once each control id came."""
        seen = Counter(report.control_id for report in self.reports)
        return Counter({control_id: times - 1 for control_id, times in seen.items() if times > 1})

    def wait_until(self, holds: Callable[["list[ReceivedReport]"], bool], timeout_s: float) -> bool:
        """Wait for the messages to be as wanted; False after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: holds(self._reports), timeout_s)

    def _write(self, entry: Entry) -> None:
        if self._journal is not None:
            self._journal.append(entry)
