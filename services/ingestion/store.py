"""What ingestion keeps of each scan it has seen: its files, and the last word said of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, select, update
from sqlalchemy.engine import Connection

from services.ingestion.orders import OrderStore
from services.ingestion.rounds import RoundStore
from services.ingestion.tables import METADATA, SCANS
from services.kit.clock import from_timestamp, to_timestamp
from services.kit.contracts import Scan, ScanState
from services.kit.database import Database, upsert

__all__ = ["METADATA", "KnownScan", "ScanStore", "Stores"]

ENDED = frozenset({ScanState.SCAN_STATE_HELD, ScanState.SCAN_STATE_REFUSED})
# Codes of reasons that ingestion itself looks at.
REMOVED = "removed"
UNREACHABLE = "unreachable"
UNSTEADY = "unsteady"


@dataclass(frozen=True)
class KnownScan:
    """A scan as it stands in the store. `still_since` is when its files were first seen as they are (aware UTC)."""

    fingerprint: str
    still_since: datetime
    scan: Scan


class ScanStore:
    """Durable when a method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self) -> dict[str, KnownScan]:
        """Every scan by name."""
        with self._database.transaction() as connection:
            return {row.name: _known(row) for row in connection.execute(select(SCANS))}

    def get(self, name: str) -> KnownScan | None:
        """The scan of that name."""
        with self._database.transaction() as connection:
            row = connection.execute(select(SCANS).where(SCANS.c.name == name)).one_or_none()
        return None if row is None else _known(row)

    def save(self, known: KnownScan, *, over: KnownScan | None = None) -> bool:
        """Record the scan; it is to be announced if its message differs from what was recorded before.

        Only where `over` is still what is recorded, or nothing is: another thread or replica may have had its say;
        False then.
        """
        with self._database.transaction() as connection:
            before = connection.execute(select(SCANS).where(SCANS.c.name == known.scan.name)).one_or_none()
            if (None if before is None else _known(before)) != over:
                return False
            message = _revised(known.scan, before.message if before else None)
            row = {
                "name": known.scan.name,
                "fingerprint": known.fingerprint,
                "still_since": _seconds(known.still_since),
                "state": known.scan.state,
                "slide_id": known.scan.slide.slide_id,
                "message": message,
                "announced": bool(before and before.announced and before.message == message),
            }
            upsert(connection, SCANS, row)
        return True

    def original(self, slide_id: str, name: str) -> Scan | None:
        """The scan that was first recorded as this slide and stands for it, other than `name` itself.

        One that ended for what was done to its files, and not for what it shows, stands for nothing.
        """
        others = [known.scan for known in self.scans_of(slide_id) if known.scan.name != name]
        standing = [scan for scan in others if not scan.copy_of and scan.reason.code not in (REMOVED, UNSTEADY)]
        return min(standing, key=lambda scan: scan.name, default=None)

    def unannounced(self) -> list[Scan]:
        """Scans whose last word the other services may not have."""
        with self._database.transaction() as connection:
            rows = connection.execute(select(SCANS.c.message).where(~SCANS.c.announced).order_by(SCANS.c.name))
            return [Scan.FromString(message) for message in rows.scalars()]

    def announced(self, scans: Iterable[Scan]) -> None:
        """These words are durable at the broker."""
        with self._database.transaction() as connection:
            for scan in scans:
                _mark_announced(connection, scan)

    def scans_of(self, slide_id: str) -> list[KnownScan]:
        """Every scan of a slide, the original before its copies."""
        with self._database.transaction() as connection:
            known = [_known(row) for row in connection.execute(select(SCANS).where(SCANS.c.slide_id == slide_id))]
        return sorted(known, key=lambda one: (bool(one.scan.copy_of), one.scan.name))


class Stores:
    """Everything that ingestion keeps in its database."""

    def __init__(self, database: Database) -> None:
        self.scans = ScanStore(database)
        self.rounds = RoundStore(database)
        self.orders = OrderStore(database)


def _revised(scan: Scan, before: bytes | None) -> bytes:
    """The scan's message, with a revision above that of `before` where it says anything else."""
    revised = Scan()
    revised.CopyFrom(scan)
    revised.revision = Scan.FromString(before).revision if before is not None else 0
    if revised.SerializeToString(deterministic=True) != before:
        revised.revision += 1
    return revised.SerializeToString(deterministic=True)


def _seconds(moment: datetime) -> float:
    return to_timestamp(moment).ToMilliseconds() / 1e3


def _known(row: Row[tuple[object, ...]]) -> KnownScan:
    scan = Scan.FromString(row.message)
    stamp = to_timestamp(from_timestamp(scan.first_seen_at))
    stamp.FromMilliseconds(round(row.still_since * 1e3))
    return KnownScan(fingerprint=row.fingerprint, still_since=from_timestamp(stamp), scan=scan)


def _mark_announced(connection: Connection, scan: Scan) -> None:
    message = scan.SerializeToString(deterministic=True)
    same = (SCANS.c.name == scan.name) & (SCANS.c.message == message)
    connection.execute(update(SCANS).where(same).values(announced=True))
