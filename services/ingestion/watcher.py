"""Looks at the share, and says of every scan on it what becomes of it: waiting, admitted, held or refused."""

from collections.abc import Iterable, Sequence

import structlog

from services.ingestion.admission import Look, Verdict, Watch, judge
from services.ingestion.scans import ScanWords, announcement, refusal_code
from services.ingestion.settings import IngestionSettings
from services.ingestion.share import FoundScan, ShareUnreachable, find_scans
from services.ingestion.slides.errors import SlideError, SlideIncomplete, SlideUnreachable
from services.ingestion.slides.files import file_set, read_barcode
from services.ingestion.slides.opening import open_slide
from services.ingestion.store import KnownScan, ScanStore
from services.kit.clock import Clock, from_timestamp
from services.kit.contracts import Reason, Scan, ScanState, Stage
from services.kit.stages import reach
from services.kit.telemetry import Metrics
from services.kit.transport import Outgoing

log = structlog.get_logger()


class Watcher:
    """The share's poll, run by a timer. In memory it keeps only the stillness of the scans that wait."""

    def __init__(self, settings: IngestionSettings, store: ScanStore, clock: Clock, metrics: Metrics) -> None:
        self._settings = settings
        self._store = store
        self._words = ScanWords(settings, store)
        self._clock = clock
        self._metrics = metrics
        self._watches: dict[str, Watch] = {}
        self._unreachable: str | None = "the share has not been looked at yet"

    def unreachable(self) -> str | None:
        """Why the share could not be listed at the last look; None when it could."""
        return self._unreachable

    def poll(self) -> Iterable[Outgoing]:
        """Look at every scan; the outputs announce each change until `sent` says that they are durable."""
        try:
            self._look_at_all(find_scans(self._settings.share))
            self._unreachable = None
        except ShareUnreachable as error:
            if self._unreachable != str(error):
                log.warning("share unreachable", reason=str(error))
            self._unreachable = str(error)
        return [announcement(scan) for scan in self._store.unannounced()]

    def sent(self, outputs: Sequence[Outgoing]) -> None:
        """The announcements are durable at the broker."""
        self._store.announced(output.value for output in outputs if isinstance(output.value, Scan))

    def _look_at_all(self, found: Sequence[FoundScan]) -> None:
        known = self._store.known()
        if known and not any(self._settings.share.iterdir()):
            raise ShareUnreachable(f"the share {self._settings.share} is empty, as an unmounted one is: mount it")
        for scan in found:
            try:
                self._look(scan, known.get(scan.name))
            except (OSError, SlideUnreachable) as error:
                # A scan that cannot be read at this moment must not stop the others; the next poll looks again.
                log.warning("scan not readable now", scan=scan.name, reason=str(error))
        for name in known.keys() - {scan.name for scan in found}:
            self._gone(known[name])

    def _look(self, found: FoundScan, known: KnownScan | None) -> None:
        if found.path != self._settings.share / found.name:
            self._unnameable(found, known)
            return
        files = file_set(found.path)
        changed = known is None or known.fingerprint != files.fingerprint
        if known is not None and not changed and known.scan.state != ScanState.SCAN_STATE_WAITING:
            return
        if known is None or changed:
            known = self._changed(found, known, files.fingerprint, files.missing)
        limits = self._settings.settle_s, self._settings.incomplete_limit_s
        look = Look(files.fingerprint, not files.missing, files.missing)
        watch, verdict = judge(self._watches.get(found.name), look, self._clock.monotonic(), *limits)
        self._watches[found.name] = watch
        if verdict is Verdict.READ:
            self._open(found, known, stale=self._clock.monotonic() - watch.still_since >= limits[1])
        elif verdict is Verdict.HOLD_INCOMPLETE:
            text = f"incomplete, and nothing has come for {limits[1]:.0f} s: {look.missing}. Scan the slide again"
            self._end(known, ScanState.SCAN_STATE_HELD, "incomplete", text)

    def _unnameable(self, found: FoundScan, known: KnownScan | None) -> None:
        if known is None:
            known = self._changed(found, None, "unnameable", "")
            text = "its name is no UTF-8 text and cannot be passed on: rename the scan and its folder"
            self._end(known, ScanState.SCAN_STATE_HELD, "name", text)

    def _changed(self, found: FoundScan, known: KnownScan | None, fingerprint: str, missing: str) -> KnownScan:
        """The files are not what they were: the scan waits (again), and its time starts anew."""
        now = self._clock.now()
        first_seen = from_timestamp(known.scan.first_seen_at) if known else now
        changed = KnownScan(fingerprint, now, self._words.waiting(found.name, first_seen, missing))
        self._store.save(changed)
        return changed

    def _open(self, found: FoundScan, known: KnownScan, *, stale: bool) -> None:
        try:
            with open_slide(found.path, um_per_px=self._settings.um_per_px) as slide:
                scan = self._words.opened(known, slide)
        except SlideIncomplete as error:
            # Complete a moment ago: its files are changing now, and the next poll sees how.
            if stale:
                self._end(known, ScanState.SCAN_STATE_HELD, "incomplete", str(error))
        except SlideUnreachable:
            raise
        except SlideError as error:
            self._end(known, ScanState.SCAN_STATE_REFUSED, refusal_code(error), str(error))
        else:
            reach(scan.slide, Stage.STAGE_ADMITTED, self._clock.now(), self._metrics)
            self._store.save(KnownScan(known.fingerprint, known.still_since, scan))
            self._watches.pop(found.name)

    def _gone(self, known: KnownScan) -> None:
        """A waiting scan that is no longer on the share ends as held: someone took it away."""
        if known.scan.state == ScanState.SCAN_STATE_WAITING:
            text = "removed from the share before it was complete: scan the slide again"
            without_files = KnownScan("", known.still_since, known.scan)
            self._end(without_files, ScanState.SCAN_STATE_HELD, "removed", text)

    def _end(self, known: KnownScan, state: ScanState.ValueType, code: str, text: str) -> None:
        barcode = read_barcode(self._settings.share / known.scan.name)
        scan = self._words.ended(known, state, Reason(code=code, text=text), barcode)
        self._store.save(KnownScan(known.fingerprint, known.still_since, scan))
        self._watches.pop(known.scan.name, None)
