"""The `Scan` messages that say what becomes of a scan."""

import hashlib
import re
from datetime import datetime

from services.ingestion.promises import Promises, as_read
from services.ingestion.settings import IngestionSettings
from services.ingestion.slides.errors import SlideError
from services.ingestion.slides.slide import Slide as OpenedSlide
from services.ingestion.store import ENDED, REMOVED, UNREACHABLE, KnownScan, Stores
from services.kit.clock import from_timestamp, to_timestamp
from services.kit.contracts import Milestone, Reason, Scan, ScanProperties, ScanState, Slide, Stage
from services.kit.stages import reached
from services.kit.transport import Outgoing


class ScanWords:
    """Finds the words: each method gives the scan's new `Scan` message and changes nothing."""

    def __init__(self, settings: IngestionSettings, stores: Stores) -> None:
        self._settings = settings
        self._stores = stores
        self._promise = Promises(settings, stores.orders).promise

    def waiting(self, name: str, first_seen: datetime, missing: str) -> Scan:
        """The scan is not complete, or not yet still."""
        code, text = ("incomplete", missing) if missing else ("settling", "complete; waiting until it is still")
        return self._waiting(name, first_seen, code, text)

    def unreachable(self, name: str, first_seen: datetime, why: str) -> Scan:
        """The scan is on the share and its files cannot be read at this moment."""
        return self._waiting(name, first_seen, UNREACHABLE, why)

    def ended(self, known: KnownScan, state: ScanState.ValueType, why: Reason, barcode: str | None) -> Scan:
        """Held or refused without having been opened: the slide is named by its files, for want of its content.

        Only what is refused was complete: its promise counts from there. That of a scan that is held counts from when
        it became as it is, as the LIS is to be told by then.
        """
        digest = hashlib.sha256(f"{known.scan.name}\n{known.fingerprint}".encode()).hexdigest()
        scan = _copy(known.scan)
        scan.state = state
        scan.reason.CopyFrom(why)
        complete = state == ScanState.SCAN_STATE_REFUSED
        slide = self._slide(f"U{digest[:20]}", as_read(barcode), known.still_since, complete=complete)
        scan.slide.CopyFrom(slide)
        return scan

    def opened(self, known: KnownScan, slide: OpenedSlide) -> Scan:
        """Admitted, or held because a person must say what it is. A copy of a known scan says so."""
        scan = _copy(known.scan)
        scan.slide.CopyFrom(self._slide(f"S{slide.identity[:20]}", as_read(slide.barcode), known.still_since))
        scan.properties.CopyFrom(_properties(known.scan.name, slide))
        why = self._why_held(scan, slide.barcode)
        if why is not None:
            scan.state = ScanState.SCAN_STATE_HELD
            scan.reason.CopyFrom(why)
            return scan
        scan.state = ScanState.SCAN_STATE_ADMITTED
        scan.reason.Clear()
        original = self._stores.scans.original(scan.slide.slide_id, scan.name)
        return scan if original is None else _copied(scan, original)

    def hurried(self, scan: Scan, now: datetime) -> Scan | None:
        """The admitted scan under an earlier deadline, once its specimen has become STAT; None when nothing hurries it.

        A deadline that has passed stays: the slide comes before every other already.
        """
        slide = scan.slide
        urgency = self._stores.orders.urgency(slide.specimen)
        completed, deadline = reached(slide, Stage.STAGE_SCAN_COMPLETE), from_timestamp(slide.deadline)
        if urgency <= slide.priority or completed is None or now >= deadline:
            return None
        hurried = _copy(scan)
        hurried.slide.priority = urgency
        hurried.slide.deadline.CopyFrom(to_timestamp(min(deadline, completed + self._promise(urgency))))
        return hurried

    def removed(self, known: KnownScan) -> Scan:
        """A waiting scan was taken away: held, unless it had been read before; then that stands as it was."""
        read = self._stores.rounds.read_as(known.scan.name)
        if not read:
            text = "removed from the share before it was complete: scan the slide again"
            return self.ended(known, ScanState.SCAN_STATE_HELD, Reason(code=REMOVED, text=text), None)
        last = max(read, key=lambda reading: from_timestamp(reading.slide.deadline))
        scan = Scan(name=known.scan.name, state=ScanState.SCAN_STATE_ADMITTED, slide=last.slide, properties=last.scan)
        scan.reason.CopyFrom(Reason(code=REMOVED, text="read, and taken from the share since"))
        scan.first_seen_at.CopyFrom(known.scan.first_seen_at)
        return scan

    def promoted(self, copy: Scan) -> Scan:
        """What was a copy, once its original is not there any more or is another slide now."""
        scan = _copy(copy)
        original = self._stores.scans.original(scan.slide.slide_id, scan.name)
        scan.copy_of = ""
        if original is not None:
            return _copied(scan, original)
        if scan.state == ScanState.SCAN_STATE_ADMITTED:
            scan.reason.Clear()
        return scan

    def _is_specimen(self, barcode: str | None) -> bool:
        """Whether a barcode fits the rule for specimen numbers: nothing is guessed."""
        return bool(barcode and re.fullmatch(self._settings.specimen_pattern, barcode))

    def _waiting(self, name: str, first_seen: datetime, code: str, text: str) -> Scan:
        scan = Scan(name=name, state=ScanState.SCAN_STATE_WAITING, reason=Reason(code=code, text=text))
        scan.first_seen_at.CopyFrom(to_timestamp(first_seen))
        return scan

    def _why_held(self, scan: Scan, barcode: str | None) -> Reason | None:
        if not self._is_specimen(barcode):
            return _no_specimen(barcode)
        for before in self._stores.rounds.read_as(scan.name):
            if _same_scan_changed(before.slide, before.scan, scan):
                text = "its files were changed after it had been read; what was reported rests on them as they were"
                return Reason(
                    code="changed", text=f"{text}. Find out why, and scan the slide again if it is to be read anew"
                )
        return None

    def _slide(self, slide_id: str, specimen: str, since: datetime, *, complete: bool = True) -> Slide:
        urgency = self._stores.orders.urgency(specimen)
        slide = Slide(slide_id=slide_id, specimen=specimen, priority=urgency)
        slide.deadline.CopyFrom(to_timestamp(since + self._promise(urgency)))
        if complete:
            slide.milestones.append(Milestone(stage=Stage.STAGE_SCAN_COMPLETE, at=to_timestamp(since)))
        return slide


def announcement(scan: Scan) -> Outgoing:
    """The message that tells the others; that a scan waits is told before that it no longer does."""
    deadline = from_timestamp(scan.slide.deadline if scan.slide.HasField("deadline") else scan.first_seen_at)
    return Outgoing("scans", scan.name, scan, deadline)


def refusal_code(error: SlideError) -> str:
    """The stable word for why a scan cannot be read, such as `damaged`."""
    return type(error).__name__.removeprefix("Slide").lower()


def _same_scan_changed(slide: Slide, before: ScanProperties, scan: Scan) -> bool:
    """The scan that was read, with other content: made at the same time of the same specimen, so no further scan."""
    now = scan.properties
    same = slide.specimen == scan.slide.specimen and before.scanned_at == now.scanned_at
    return same and before.identity != now.identity


def _copied(scan: Scan, original: Scan) -> Scan:
    """A copy shares what becomes of its original."""
    scan.copy_of = original.name
    if original.state in ENDED:
        scan.state = original.state
        scan.reason.CopyFrom(original.reason)
    else:
        scan.reason.CopyFrom(Reason(code="copy", text=f"the same scan as {original.name}: one report for both"))
    return scan


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
