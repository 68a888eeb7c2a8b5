"""Looks at the share, and says of every scan on it what becomes of it: waiting, admitted, held or refused."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import structlog

from services.ingestion.admission import Look, Verdict, Watch, completed_at, judge
from services.ingestion.scans import ScanWords, announcement, refusal_code
from services.ingestion.settings import IngestionSettings
from services.ingestion.share import FoundScan, Listing, ShareUnreachable, list_share, share_problem
from services.ingestion.slides.errors import SlideError, SlideIncomplete, SlideUnreachable
from services.ingestion.slides.files import FileSet, file_set, read_barcode
from services.ingestion.slides.opening import open_slide
from services.ingestion.store import REMOVED, UNREACHABLE, KnownScan, Stores
from services.kit.clock import Clock, from_timestamp
from services.kit.contracts import Reason, Scan, ScanState, Stage
from services.kit.stages import reach
from services.kit.telemetry import Metrics
from services.kit.transport import Outgoing

WAITING, ADMITTED = ScanState.SCAN_STATE_WAITING, ScanState.SCAN_STATE_ADMITTED
HELD, REFUSED = ScanState.SCAN_STATE_HELD, ScanState.SCAN_STATE_REFUSED

log = structlog.get_logger()


class Watcher:
    """The share's poll, run by a timer. In memory it keeps only since when scans are still, or missing."""

    def __init__(self, settings: IngestionSettings, stores: Stores, clock: Clock, metrics: Metrics) -> None:
        self._settings = settings
        self._stores = stores
        self._words = ScanWords(settings, stores)
        self._clock = clock
        self._metrics = metrics
        self._watches: dict[str, Watch] = {}
        self._missing_since: dict[str, float] = {}
        self._unreachable: str | None = "the share has not been looked at yet"

    def unreachable(self) -> str | None:
        """Why the share, or something known on it, could not be read at the last look; None when all could."""
        return self._unreachable

    def poll(self) -> Iterable[Outgoing]:
        """Look at every scan; the outputs announce each change until `sent` says that they are durable."""
        before = self._unreachable
        try:
            self._unreachable = self._look_at_all(list_share(self._settings.share))
        except ShareUnreachable as error:
            self._unreachable = str(error)
        if self._unreachable not in (None, before):
            log.warning("share unreachable", reason=self._unreachable)
        return [announcement(scan) for scan in self._stores.scans.unannounced()]

    def sent(self, outputs: Sequence[Outgoing]) -> None:
        """The announcements are durable at the broker."""
        self._stores.scans.announced(output.value for output in outputs if isinstance(output.value, Scan))

    def _look_at_all(self, listing: Listing) -> str | None:
        """Look at each scan; returns what could not be read though it is there. Raises ShareUnreachable."""
        known = self._stores.scans.known()
        if known:
            self._require_share()
        refused = {scan.name: self._reach(scan, known.get(scan.name)) for scan in listing.scans}
        gone = {name for name in known.keys() - refused.keys() if not listing.hides(name)}
        self._end_the_missing({name: known[name] for name in gone})
        for one in known.values():
            self._promote(one)
        hidden = next(
            (folder for folder in listing.unlisted if any(name.startswith(f"{folder}/") for name in known)), None
        )
        if hidden is not None:
            return f"the folder {hidden} cannot be listed ({listing.unlisted[hidden]}): give access"
        return next(iter(refused.values())) if refused and all(refused.values()) else None

    def _require_share(self) -> None:
        problem = share_problem(self._settings.share)
        if problem is not None:
            raise ShareUnreachable(problem)

    def _reach(self, found: FoundScan, known: KnownScan | None) -> str | None:
        """Look at a scan; returns why it cannot be read now, which must not stop the others."""
        try:
            self._look(found, known)
        except SlideUnreachable as error:
            self._unreadable(found, known, str(error))
            return str(error)
        return None

    def _look(self, found: FoundScan, known: KnownScan | None) -> None:
        if found.path != self._settings.share / found.name:
            self._unnameable(found, known)
            return
        files = file_set(found.path)
        new = known is None or known.fingerprint != files.fingerprint
        if known is not None and self._stands(found, known, files, new=new):
            return
        known = self._waiting(found, known, files)
        if known is not None:
            self._judge(found, known, files, new=new)

    def _stands(self, found: FoundScan, known: KnownScan, files: FileSet, *, new: bool) -> bool:
        """Whether what was said of the scan holds for its files as they are."""
        return self._recognised(found, known, files) if new else known.scan.state != WAITING

    def _recognised(self, found: FoundScan, known: KnownScan, files: FileSet) -> bool:
        """Whether the files of an admitted scan were only touched: it is what it was, and nothing is said of it."""
        if known.scan.state != ADMITTED or known.scan.reason.code == REMOVED or files.missing:
            return False
        try:
            with open_slide(found.path, um_per_px=self._settings.um_per_px) as slide:
                same = slide.identity == known.scan.properties.identity
        except SlideUnreachable:
            raise
        except SlideError:
            return False
        if same:
            self._stores.scans.save(replace(known, fingerprint=files.fingerprint), over=known)
        return same

    def _waiting(self, found: FoundScan, known: KnownScan | None, files: FileSet) -> KnownScan | None:
        """The scan as it waits now, its time started anew where its files changed; None where it was overtaken."""
        missing, now = files.missing, self._clock.now()
        first_seen = from_timestamp(known.scan.first_seen_at) if known else now
        word = self._words.waiting(found.name, first_seen, missing)
        if known is not None and known.fingerprint == files.fingerprint:
            word.revision = known.scan.revision
            if word == known.scan:
                return known
            waiting = replace(known, scan=word)
        else:
            if known is not None:
                # What is not found may be on its way out with the share.
                self._require_share()
            waiting = KnownScan(files.fingerprint, now, word)
        saved = self._stores.scans.save(waiting, over=known)
        return self._stores.scans.get(found.name) if saved else None

    def _judge(self, found: FoundScan, known: KnownScan, files: FileSet, *, new: bool) -> None:
        limits = self._settings.settle_s, self._settings.incomplete_limit_s
        look, now_s = Look(files.fingerprint, not files.missing, files.missing), self._clock.monotonic()
        watch, verdict = judge(self._watches.get(found.name), look, now_s, *limits, new=new)
        self._watches[found.name] = watch
        if verdict is Verdict.READ:
            self._open(found, known, files, stale=now_s - watch.still_since >= limits[1])
        elif verdict is Verdict.HOLD_INCOMPLETE:
            text = f"incomplete, and nothing has come for {limits[1]:.0f} s: {look.missing}"
            self._end(known, HELD, "incomplete", text)

    def _open(self, found: FoundScan, known: KnownScan, files: FileSet, *, stale: bool) -> None:
        try:
            with open_slide(found.path, um_per_px=self._settings.um_per_px) as slide:
                scan = self._words.opened(self._dated(known), slide)
        except SlideIncomplete as error:
            # Complete a moment ago: its files are changing now, and the next poll sees how.
            if stale:
                self._end(known, HELD, "incomplete", str(error))
        except SlideUnreachable:
            raise
        except SlideError as error:
            if file_set(found.path) == files:
                self._end(known, REFUSED, refusal_code(error), str(error))
        else:
            reach(scan.slide, Stage.STAGE_ADMITTED, self._clock.now(), self._metrics)
            self._say(known, replace(known, scan=scan))

    def _unnameable(self, found: FoundScan, known: KnownScan | None) -> None:
        if known is None:
            now = self._clock.now()
            waiting = KnownScan("unnameable", now, self._words.waiting(found.name, now, ""))
            text = "its name is no UTF-8 text and cannot be passed on: rename the scan and its folder"
            why = Reason(code="name", text=text)
            self._stores.scans.save(replace(waiting, scan=self._words.ended(waiting, HELD, why, None)))

    def _unreadable(self, found: FoundScan, known: KnownScan | None, why: str) -> None:
        """What waits says what for; how long it is still is told from when it can be read again."""
        if known is not None and known.scan.state != WAITING:
            self._watches.pop(found.name, None)
            return
        now = self._clock.now()
        first_seen = from_timestamp(known.scan.first_seen_at) if known else now
        word = self._words.unreachable(found.name, first_seen, why)
        if known is None or known.scan.reason != word.reason:
            self._stores.scans.save(replace(known, scan=word) if known else KnownScan("", now, word), over=known)
            known = self._stores.scans.get(found.name)
        if known is not None:
            self._hold_unreadable(known, why)

    def _hold_unreadable(self, known: KnownScan, why: str) -> None:
        """What stays unreadable is held, and the LIS told so; without a fingerprint, it is new once it can be read."""
        limits = self._settings.settle_s, self._settings.incomplete_limit_s
        name, look = known.scan.name, Look(UNREACHABLE, complete=False, missing=why)
        self._watches[name], verdict = judge(self._watches.get(name), look, self._clock.monotonic(), *limits)
        if verdict is Verdict.HOLD_INCOMPLETE:
            text = f"not to be read for {limits[1]:.0f} s: {why}"
            self._end(known, HELD, UNREACHABLE, text, fingerprint="")

    def _end_the_missing(self, missing: Mapping[str, KnownScan]) -> None:
        """A waiting scan that stays away ends as held: someone took it. For a moment, a listing may be wrong."""
        now_s = self._clock.monotonic()
        self._missing_since = {name: self._missing_since.get(name, now_s) for name in missing}
        for name, since in self._missing_since.items():
            known = missing[name]
            if known.scan.state == WAITING and now_s - since >= self._settings.settle_s:
                without_files = replace(known, fingerprint="")
                self._say(known, replace(without_files, scan=self._words.removed(self._dated(without_files))))

    def _promote(self, copy: KnownScan) -> None:
        """A copy whose original is another slide by now stands for the slide itself."""
        original = self._stores.scans.get(copy.scan.copy_of) if copy.scan.copy_of else None
        same = original is not None and original.scan.slide.slide_id == copy.scan.slide.slide_id
        if copy.scan.copy_of and not same:
            self._stores.scans.save(replace(copy, scan=self._words.promoted(copy.scan)), over=copy)

    def _dated(self, known: KnownScan) -> KnownScan:
        """With the moment from which its promise counts."""
        watch, now_s = self._watches.get(known.scan.name), self._clock.monotonic()
        return replace(known, still_since=completed_at(watch, known.still_since, self._clock.now(), now_s))

    def _end(
        self, known: KnownScan, state: ScanState.ValueType, code: str, text: str, *, fingerprint: str | None = None
    ) -> None:
        barcode = read_barcode(self._settings.share / known.scan.name)
        scan = self._words.ended(self._dated(known), state, Reason(code=code, text=text), barcode)
        kept = known.fingerprint if fingerprint is None else fingerprint
        self._say(known, replace(known, fingerprint=kept, scan=scan))

    def _say(self, known: KnownScan, then: KnownScan) -> None:
        """Record what becomes of the scan, unless another thread had its say meanwhile: the next poll sees that."""
        if self._stores.scans.save(then, over=known):
            self._watches.pop(known.scan.name, None)
