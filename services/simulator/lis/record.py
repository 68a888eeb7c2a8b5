"""What the simulated LIS received, in memory and, if asked, in a folder that survives it."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.simulator.lis.er7 import segments, value


@dataclass(frozen=True)
class ReceivedReport:
    """One message as it came in. `stored`: the LIS counts it. `problems`: what is wrong with it, as the LIS sees it."""

    content: bytes
    control_id: str
    # ORC-2 and OBR-25.
    placer: str
    status: str
    stored: bool
    problems: tuple[str, ...] = ()
    # What the LIS says to it, one segment per line; empty when it keeps silent or misbehaves.
    answer: str = ""

    @property
    def text(self) -> str:
        """One segment per line."""
        return self.content.decode("utf-8").replace("\r", "\n")


def report_of(content: bytes, *, stored: bool, problems: tuple[str, ...] = ()) -> ReceivedReport:
    """Raises ValueError for what is no HL7."""
    rows = segments(content)
    orc = next((row for row in rows if row[0] == "ORC"), ["ORC"])
    obr = next((row for row in rows if row[0] == "OBR"), ["OBR"])
    return ReceivedReport(content, value(rows[0], 10), value(orc, 2), value(obr, 25), stored, problems)


class Record:
    """Every message in the order of arrival. Safe for use by several threads."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._changed = threading.Condition()
        self._reports: list[ReceivedReport] = []
        self._broken: list[str] = []
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._reports = [report_of(path.read_bytes(), stored=True) for path in sorted(folder.glob("*.hl7"))]

    def add(self, report: ReceivedReport) -> None:
        """Durable in the folder, if there is one, when it returns: a LIS answers AA for what it has stored."""
        with self._changed:
            if self._folder is not None and report.stored:
                name = f"{len(self._reports):06}-{hashlib.sha256(report.content).hexdigest()[:12]}.hl7"
                (self._folder / name).write_bytes(report.content)
            self._reports.append(report)
            self._changed.notify_all()

    def add_broken(self, why: str) -> None:
        """Something came that is no message at all."""
        with self._changed:
            self._broken.append(why)
            self._changed.notify_all()

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
