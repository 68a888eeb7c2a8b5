"""Looks at the share, and says of every scan on it what becomes of it: waiting, admitted, held or refused.

Of several replicas one looks and announces at a time, so that every scan is admitted and told once. The others only see
whether the share is there for them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import structlog

from services.ingestion.admission import Admission
from services.ingestion.scans import ScanWords, announcement
from services.ingestion.settings import IngestionSettings
from services.ingestion.share import FoundScan, Listing, ShareUnreachable, list_share, share_problem
from services.ingestion.store import KnownScan, Stores
from services.kit.clock import Clock
from services.kit.contracts import Scan
from services.kit.lease import Lease
from services.kit.telemetry import Metrics
from services.kit.transport import Outgoing

# Scans whose records are read at a time.
PART = 500

log = structlog.get_logger()


class Watcher:
    """The share's poll, run by a timer.

    In memory it keeps something of the scans on the share, of no others, and nothing over another replica's reign.
    """

    def __init__(
        self, settings: IngestionSettings, stores: Stores, lease: Lease, clock: Clock, metrics: Metrics
    ) -> None:
        """`stores` must have `lease.require` as their guard."""
        self._share = settings.share
        self._settle_s = settings.settle_s
        self._stores = stores
        self._words = ScanWords(settings, stores)
        self._admission = Admission(settings, stores, clock, metrics)
        self._lease = lease
        self._clock = clock
        self._reign = 0
        self._serial = 0
        self._missing_since: dict[str, float] = {}
        self._unreachable: str | None = "the share has not been looked at yet"

    def unreachable(self) -> str | None:
        """Why the share, or something known on it, could not be read at the last look; None when all could."""
        return self._unreachable

    def poll(self) -> Iterable[Outgoing]:
        """Look at every scan; the outputs announce each change until `sent` says that they are durable.

        Nothing while another replica does. Raises TransientError.
        """
        before, self._unreachable = self._unreachable, self._trouble()
        leading = self._lease.take(offering=self._unreachable is not None)
        if leading and self._unreachable is None:
            self._unreachable = self._look()
        if self._unreachable not in (None, before):
            log.warning("share unreachable", reason=self._unreachable)
        return [announcement(scan) for scan in self._stores.scans.unannounced()] if leading else ()

    def sent(self, outputs: Sequence[Outgoing]) -> None:
        """The announcements are durable at the broker."""
        self._stores.scans.announced(output.value for output in outputs if isinstance(output.value, Scan))

    def _trouble(self) -> str | None:
        return share_problem(self._share, may_be_empty=not self._stores.scans.any())

    def _look(self) -> str | None:
        """Look at each scan; returns what could not be read though it should be there."""
        if self._reign != self._lease.reign:
            self._begin()
        try:
            listing = list_share(self._share, self._lease.progress)
            # It may have gone away while it was listed.
            return self._trouble() or self._look_at_all(listing)
        except ShareUnreachable as error:
            return str(error)

    def _begin(self) -> None:
        """What this replica saw before another one looked counts for nothing."""
        self._serial = self._stores.scans.last_serial()
        self._admission.keep(())
        self._missing_since.clear()
        self._reign = self._lease.reign

    def _look_at_all(self, listing: Listing) -> str | None:
        self._hear_of_others()
        waiting = self._stores.scans.waiting()
        parts = (listing.scans[start : start + PART] for start in range(0, len(listing.scans), PART))
        refused = [why for part in parts for why in self._look_at(part, waiting)]
        there = {scan.name for scan in listing.scans}
        gone = {name: waiting[name] for name in waiting.keys() - there if not listing.hides(name)}
        self._admission.keep(there | waiting.keys())
        self._end_the_missing(gone)
        for copy in self._stores.scans.orphans():
            self._stores.scans.save(replace(copy, scan=self._words.promoted(copy.scan)), over=copy)
        hidden = next(filter(self._stores.scans.any, listing.unlisted), None)
        if hidden is not None:
            return f"the folder {hidden} cannot be listed ({listing.unlisted[hidden]}): give access"
        return refused[0] if refused and all(refused) else None

    def _hear_of_others(self) -> None:
        """Handlers, here and in other replicas, have their say on scans too."""
        recorded = self._stores.scans.recorded_since(self._serial)
        self._admission.forget(recorded)
        self._serial = max(recorded.values(), default=self._serial)

    def _look_at(self, part: Sequence[FoundScan], waiting: Mapping[str, KnownScan]) -> Iterable[str | None]:
        """Look at some of the scans; gives why each cannot be read now."""
        unknown = [scan.name for scan in part if not (scan.name in waiting or self._admission.remembers(scan.name))]
        known = self._stores.scans.named(unknown) if unknown else {}
        for scan in part:
            self._lease.progress()
            yield self._admission.look(scan, waiting.get(scan.name) or known.get(scan.name))

    def _end_the_missing(self, missing: Mapping[str, KnownScan]) -> None:
        """A waiting scan that stays away ends as held: someone took it. For a moment, a listing may be wrong."""
        now_s = self._clock.monotonic()
        self._missing_since = {name: self._missing_since.get(name, now_s) for name in missing}
        for name, since in self._missing_since.items():
            if now_s - since >= self._settle_s:
                self._admission.removed(missing[name])
