"""Where on the share a slide can be read from, and what becomes of its scans when it cannot."""

from dataclasses import replace
from pathlib import Path

import structlog

from services.ingestion.scans import ScanWords
from services.ingestion.settings import IngestionSettings
from services.ingestion.share import share_problem
from services.ingestion.slides.errors import SlideChanged, SlideUnreachable
from services.ingestion.slides.files import file_set
from services.ingestion.store import REMOVED, UNREACHABLE, UNSTEADY, KnownScan, Stores
from services.kit.clock import from_timestamp
from services.kit.contracts import Reason, Scan, ScanState
from services.kit.errors import TransientError

# Rounds of one scan in a row that are given up before it is held: something keeps writing to it.
MOST_GIVEN_UP = 3

log = structlog.get_logger()


class Sources:
    """A slide's scans on the share: its original and the copies of it."""

    def __init__(self, settings: IngestionSettings, stores: Stores, words: ScanWords) -> None:
        self._share = settings.share
        self._stores = stores
        self._words = words

    def first(self, slide_id: str) -> KnownScan | None:
        """The scan to read the slide from, the original if it is there; None when all were taken away.

        Raises TransientError while the share is away: then nothing can be said of what lies on it.
        """
        scans = self._stores.scans.scans_of(slide_id)
        admitted = (known for known in scans if known.scan.state == ScanState.SCAN_STATE_ADMITTED)
        return next((known for known in admitted if self.there(known.scan.name)), None)

    def path(self, known: KnownScan) -> Path:
        return self._share / known.scan.name

    def require_share(self) -> None:
        """Raises TransientError while the share is away."""
        problem = share_problem(self._share)
        if problem is not None:
            raise TransientError(problem)

    def end(self, slide_id: str, state: ScanState.ValueType, why: Reason) -> None:
        """Every scan of the slide ends; the watcher announces it at its next poll, until it was heard.

        A scan that was taken away is kept without a fingerprint, so that its return counts as a change.
        """
        log.warning("slide not readable", slide=slide_id, code=why.code)
        for known in self._stores.scans.scans_of(slide_id):
            fingerprint = "" if why.code == REMOVED else known.fingerprint
            ended = replace(known, fingerprint=fingerprint, scan=_said(known.scan, state, why))
            self._save(ended, over=known)

    def give_up(self, source: KnownScan, error: SlideChanged) -> None:
        """What was read of the scan counts for nothing: it is read anew once it is still, a bounded number of times."""
        slide_id, name = source.scan.slide.slide_id, source.scan.name
        times = self._stores.rounds.give_up(slide_id, name)
        log.warning("reading given up", slide=slide_id, times=times, reason=str(error))
        if times < MOST_GIVEN_UP:
            word = self._words.waiting(name, from_timestamp(source.scan.first_seen_at), str(error))
            self._save(KnownScan("", source.still_since, word), over=source)
            return
        text = (
            f"it changed {times} times while it was read ({error.problem}): stop what writes to it, then copy it again"
        )
        word = _said(source.scan, ScanState.SCAN_STATE_HELD, Reason(code=UNSTEADY, text=text))
        fingerprint = self._fingerprint(source)
        # The watcher may have seen the change meanwhile; that the scan is unsteady counts for more.
        self._save(replace(source, fingerprint=fingerprint, scan=word), over=self._stores.scans.get(name))

    def _save(self, known: KnownScan, *, over: KnownScan | None) -> None:
        """Raises TransientError when another had its say on the scan meanwhile: what follows is decided anew."""
        if not self._stores.scans.save(known, over=over):
            raise TransientError(f"{known.scan.name} changed at this moment")

    def _fingerprint(self, source: KnownScan) -> str:
        """Of the files as they are now, so that the next change is told from those before; empty where unreadable."""
        try:
            return file_set(self.path(source)).fingerprint
        except SlideUnreachable:
            return ""

    def explain(self, name: str, why: Reason | None) -> None:
        """Say why an admitted scan cannot be read at this moment; None once it could."""
        known = self._stores.scans.get(name)
        if known is None or known.scan.state != ScanState.SCAN_STATE_ADMITTED:
            return
        if why is None and known.scan.reason.code != UNREACHABLE:
            return
        word = _said(known.scan, known.scan.state, why or Reason())
        self._stores.scans.save(replace(known, scan=word), over=known)

    def there(self, name: str) -> bool:
        """Whether the scan is on the share. Raises TransientError where that cannot be told."""
        try:
            (self._share / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            self.require_share()
            return False
        except OSError as error:
            raise TransientError(f"{name} cannot be looked at ({error.strerror}): check the share") from error
        return True


def _said(scan: Scan, state: ScanState.ValueType, why: Reason) -> Scan:
    said = Scan()
    said.CopyFrom(scan)
    said.state = state
    said.reason.CopyFrom(why)
    return said
