"""The `Scan` messages that say what becomes of a scan."""

import hashlib
import re
from datetime import datetime, timedelta

from services.ingestion.settings import IngestionSettings
from services.ingestion.slides.errors import SlideError
from services.ingestion.slides.slide import Slide as OpenedSlide
from services.ingestion.store import KnownScan, ScanStore
from services.kit.clock import from_timestamp, to_timestamp
from services.kit.contracts import Milestone, Priority, Reason, Scan, ScanProperties, ScanState, Slide, Stage
from services.kit.transport import Outgoing


class ScanWords:
    """Finds the words: each method gives the scan's new `Scan` message and changes nothing."""

    def __init__(self, settings: IngestionSettings, store: ScanStore) -> None:
        self._settings = settings
        self._store = store

    def waiting(self, name: str, first_seen: datetime, missing: str) -> Scan:
        """The scan is not complete, or not yet still."""
        code, text = ("incomplete", missing) if missing else ("settling", "complete; waiting until it is still")
        scan = Scan(name=name, state=ScanState.SCAN_STATE_WAITING, reason=Reason(code=code, text=text))
        scan.first_seen_at.CopyFrom(to_timestamp(first_seen))
        return scan

    def ended(self, known: KnownScan, state: ScanState.ValueType, reason: Reason, barcode: str | None) -> Scan:
        """Held or refused without having been opened: the slide is named by its files, for want of its content."""
        digest = hashlib.sha256(f"{known.scan.name}\n{known.fingerprint}".encode()).hexdigest()
        scan = _copy(known.scan)
        scan.state = state
        scan.reason.CopyFrom(reason)
        scan.slide.CopyFrom(self._slide(f"U{digest[:20]}", self.specimen(barcode) or "", known.still_since))
        return scan

    def opened(self, known: KnownScan, slide: OpenedSlide) -> Scan:
        """Admitted, or held because its barcode is no specimen number. A copy of a known scan says so."""
        scan = _copy(known.scan)
        specimen = self.specimen(slide.barcode)
        scan.slide.CopyFrom(self._slide(f"S{slide.identity[:20]}", specimen or "", known.still_since))
        scan.properties.CopyFrom(_properties(known.scan.name, slide))
        if specimen is None:
            scan.state = ScanState.SCAN_STATE_HELD
            scan.reason.CopyFrom(_no_specimen(slide.barcode))
            return scan
        scan.state = ScanState.SCAN_STATE_ADMITTED
        scan.reason.Clear()
        scan.copy_of = self._store.original(scan.slide.slide_id, known.scan.name)
        if scan.copy_of:
            scan.reason.CopyFrom(Reason(code="copy", text=f"the same scan as {scan.copy_of}: one report for both"))
        return scan

    def specimen(self, barcode: str | None) -> str | None:
        """The specimen number that a barcode is; None when it fits no rule: nothing is guessed."""
        return barcode if barcode and re.fullmatch(self._settings.specimen_pattern, barcode) else None

    def _slide(self, slide_id: str, specimen: str, completed: datetime) -> Slide:
        priority = self._store.urgency(specimen)
        stat = priority == Priority.PRIORITY_STAT
        promise = timedelta(seconds=self._settings.stat_promise_s if stat else self._settings.promise_s)
        slide = Slide(slide_id=slide_id, specimen=specimen, priority=priority)
        slide.deadline.CopyFrom(to_timestamp(completed + promise))
        slide.milestones.append(Milestone(stage=Stage.STAGE_SCAN_COMPLETE, at=to_timestamp(completed)))
        return slide


def announcement(scan: Scan) -> Outgoing:
    """The message that tells the others; that a scan waits is told before that it no longer does."""
    deadline = from_timestamp(scan.slide.deadline if scan.slide.HasField("deadline") else scan.first_seen_at)
    return Outgoing("scans", scan.name, scan, deadline)


def refusal_code(error: SlideError) -> str:
    """The stable word for why a scan cannot be read, such as `damaged`."""
    return type(error).__name__.removeprefix("Slide").lower()


def _no_specimen(barcode: str | None) -> Reason:
    seen = f"the barcode reads {barcode!r}, which is no specimen number" if barcode else "no barcode could be read"
    return Reason(code="barcode", text=f"{seen}: label the slide anew, or check the setting specimen_pattern")


def _properties(name: str, slide: OpenedSlide) -> ScanProperties:
    properties = ScanProperties(
        name=name,
        width_px=slide.width,
        height_px=slide.height,
        um_per_px=slide.um_per_px,
        objective=slide.objective or "",
        identity=slide.identity,
        format=slide.format,
    )
    if slide.scanned_at is not None:
        properties.scanned_at.CopyFrom(to_timestamp(slide.scanned_at))
    return properties


def _copy(scan: Scan) -> Scan:
    copy = Scan()
    copy.CopyFrom(scan)
    return copy
