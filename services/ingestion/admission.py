"""Admission: one look at one scan on the share, and what is said of it."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from services.ingestion.promises import Promises
from services.ingestion.scans import ScanWords, refusal_code
from services.ingestion.settings import IngestionSettings
from services.ingestion.share import FoundScan, ShareUnreachable, share_problem
from services.ingestion.slides.errors import SlideError, SlideIncomplete, SlideUnreachable
from services.ingestion.slides.files import FileSet, file_set, read_barcode
from services.ingestion.slides.opening import open_slide
from services.ingestion.stillness import Look, Verdict, Watches
from services.ingestion.store import REMOVED, RESTLESS, UNREACHABLE, KnownScan, Stores
from services.kit.clock import Clock, from_timestamp
from services.kit.contracts import Reason, ScanState, Stage
from services.kit.stages import reach
from services.kit.telemetry import Metrics

WAITING, ADMITTED = ScanState.SCAN_STATE_WAITING, ScanState.SCAN_STATE_ADMITTED
HELD, REFUSED = ScanState.SCAN_STATE_HELD, ScanState.SCAN_STATE_REFUSED


class Admission:
    """Looks at scans one by one, and records what becomes of each: waiting, admitted, held or refused.

    In memory it keeps since when waiting scans are still, and how the files of the others were when last judged.
    """

    def __init__(self, settings: IngestionSettings, stores: Stores, clock: Clock, metrics: Metrics) -> None:
        self._settings = settings
        self._scans = stores.scans
        self._words = ScanWords(settings, stores)
        self._clock = clock
        self._metrics = metrics
        limit_s = Promises(settings, stores.orders).limit_s
        self._watches = Watches(clock, settings.settle_s, limit_s, settings.restless_limit_s)
        # The fingerprints for which what is on record of a scan stands.
        self._standing: dict[str, str] = {}

    def look(self, found: FoundScan, known: KnownScan | None) -> str | None:
        """Look at a scan; returns why it cannot be read now, which must not stop the others.

        `known` is what is on record of it; it may be left out for a scan that is remembered. Raises ShareUnreachable.
        """
        try:
            self._look(found, known)
        except SlideUnreachable as error:
            self._unreadable(found, self._recall(found, known), str(error))
            return str(error)
        return None

    def removed(self, known: KnownScan) -> None:
        """A scan that waited was taken from the share."""
        without_files = replace(known, fingerprint="")
        self._say(known, replace(without_files, scan=self._words.removed(self._dated(without_files))))

    def remembers(self, name: str) -> bool:
        """Whether the scan needs no word while its files are as they were."""
        return name in self._standing

    def forget(self, names: Iterable[str]) -> None:
        """What is on record of these scans may have changed."""
        for name in names:
            self._standing.pop(name, None)

    def keep(self, names: Collection[str]) -> None:
        """Forget all other scans, and since when they were still."""
        self._watches.keep(names)
        self._standing = {name: files for name, files in self._standing.items() if name in names}

    def _recall(self, found: FoundScan, known: KnownScan | None) -> KnownScan | None:
        return self._scans.get(found.name) if known is None and self.remembers(found.name) else known

    def _look(self, found: FoundScan, known: KnownScan | None) -> None:
        if found.path != self._settings.share / found.name:
            self._unnameable(found, known)
            return
        files = file_set(found.path)
        if self._standing.get(found.name) == files.fingerprint:
            return
        known = self._recall(found, known)
        new = known is None or known.fingerprint != files.fingerprint
        if known is not None and self._stands(found, known, files, new=new):
            self._standing[found.name] = files.fingerprint
            return
        if known is not None and self._is_restless_still(known, files):
            return
        known = self._waiting(found, known, files)
        if known is not None:
            self._judge(found, known, files, new=new)

    def _is_restless_still(self, known: KnownScan, files: FileSet) -> bool:
        """Whether the files of a scan that is held for not being still are not so yet; its hold is told once."""
        if known.scan.state != HELD or known.scan.reason.code != RESTLESS:
            return False
        look = Look(files.fingerprint, not files.missing, files.missing)
        return self._watches.judge(known.scan.name, look) is not Verdict.READ

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
            self._scans.save(replace(known, fingerprint=files.fingerprint), over=known)
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
        saved = self._scans.save(waiting, over=known)
        return self._scans.get(found.name) if saved else None

    def _require_share(self) -> None:
        problem = share_problem(self._settings.share)
        if problem is not None:
            raise ShareUnreachable(problem)

    def _judge(self, found: FoundScan, known: KnownScan, files: FileSet, *, new: bool) -> None:
        look = Look(files.fingerprint, not files.missing, files.missing)
        verdict = self._watches.judge(found.name, look, new=new)
        if verdict is Verdict.READ:
            self._open(found, known, files)
        elif verdict is Verdict.HOLD_INCOMPLETE:
            text = f"incomplete, and nothing has come for {self._watches.still_s(found.name):.0f} s: {look.missing}"
            self._end(known, HELD, "incomplete", text)
        elif verdict is Verdict.HOLD_RESTLESS:
            text = f"its files have kept changing for {self._settings.restless_limit_s:.0f} s"
            advice = "find out what writes to them; the scan is read once they are still"
            self._end(known, HELD, RESTLESS, f"{text}: {advice}", fingerprint="")

    def _open(self, found: FoundScan, known: KnownScan, files: FileSet) -> None:
        try:
            with open_slide(found.path, um_per_px=self._settings.um_per_px) as slide:
                scan = self._words.opened(self._dated(known), slide)
        except SlideIncomplete as error:
            # Complete a moment ago: its files are changing now, and the next poll sees how.
            if self._watches.stale(found.name):
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
            self._scans.save(replace(waiting, scan=self._words.ended(waiting, HELD, why, None)))

    def _unreadable(self, found: FoundScan, known: KnownScan | None, why: str) -> None:
        """What waits says what for; how long it is still is told from when it can be read again."""
        if known is not None and known.scan.state != WAITING:
            self._watches.forget(found.name)
            return
        now = self._clock.now()
        first_seen = from_timestamp(known.scan.first_seen_at) if known else now
        word = self._words.unreachable(found.name, first_seen, why)
        if known is None or known.scan.reason != word.reason:
            self._scans.save(replace(known, scan=word) if known else KnownScan("", now, word), over=known)
            known = self._scans.get(found.name)
        if known is not None:
            self._hold_unreadable(known, why)

    def _hold_unreadable(self, known: KnownScan, why: str) -> None:
        """What stays unreadable is held, and the LIS told so; without a fingerprint, it is new once it can be read."""
        look = Look(UNREACHABLE, complete=False, missing=why)
        if self._watches.judge(known.scan.name, look) is Verdict.HOLD_INCOMPLETE:
            text = f"not to be read for {self._watches.still_s(known.scan.name):.0f} s: {why}"
            self._end(known, HELD, UNREACHABLE, text, fingerprint="")

    def _dated(self, known: KnownScan) -> KnownScan:
        """With the moment from which its promise counts."""
        return replace(known, still_since=self._watches.completed_at(known.scan.name, known.still_since))

    def _end(
        self, known: KnownScan, state: ScanState.ValueType, code: str, text: str, *, fingerprint: str | None = None
    ) -> None:
        barcode = read_barcode(self._settings.share / known.scan.name)
        scan = self._words.ended(self._dated(known), state, Reason(code=code, text=text), barcode)
        kept = known.fingerprint if fingerprint is None else fingerprint
        self._say(known, replace(known, fingerprint=kept, scan=scan))

    def _say(self, known: KnownScan, then: KnownScan) -> None:
        """Record what becomes of the scan, unless another thread had its say meanwhile: the next poll sees that."""
        if self._scans.save(then, over=known):
            self._watches.forget(known.scan.name)
