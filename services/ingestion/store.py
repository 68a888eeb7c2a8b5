"""What ingestion keeps of each scan it has seen: its files, and the last word said of it.

Scans stay on record when they have left the share, so their number grows without end: nothing here reads them all.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, func, select, update
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
RESTLESS = "restless"

_LAST_SERIAL = select(func.coalesce(func.max(SCANS.c.serial), 0))

# Asked within each transaction that writes as one who must have the right to.
Guard = Callable[[Connection], None]


@dataclass(frozen=True)
class KnownScan:
    """A scan as it stands in the store. `still_since` is when its files were first seen as they are (aware UTC)."""

    fingerprint: str
    still_since: datetime
    scan: Scan


class ScanStore:
    """Durable when a method returns."""

    def __init__(self, database: Database, guard: Guard = lambda _: None) -> None:
        self._database = database
        self._guard = guard

    def any(self, folder: str = "") -> bool:
        """Whether a scan was ever seen, on the share or in a folder of it."""
        # "0" follows "/" where text sorts by its bytes.
        inside = (SCANS.c.name > f"{folder}/") & (SCANS.c.name < f"{folder}0")
        query = select(SCANS.c.name).limit(1)
        with self._database.transaction() as connection:
            return connection.execute(query.where(inside) if folder else query).first() is not None

    def get(self, name: str) -> KnownScan | None:
        """The scan of that name."""
        return self.named([name]).get(name)

    def named(self, names: Sequence[str]) -> dict[str, KnownScan]:
        """The scans of these names, as far as they are known; ask for some hundreds at a time."""
        return {known.scan.name: known for known in self._where(SCANS.c.name.in_(names))}

    def waiting(self) -> dict[str, KnownScan]:
        """The scans that wait to be complete and still, by name."""
        return {known.scan.name: known for known in self._where(SCANS.c.state == ScanState.SCAN_STATE_WAITING)}

    def of_specimen(self, specimen: str) -> list[KnownScan]:
        """The scans of a specimen; none of an empty number."""
        return self._where((SCANS.c.specimen == specimen) & (SCANS.c.specimen != ""))

    def orphans(self) -> list[KnownScan]:
        """The copies whose original is another slide by now."""
        return self._where(SCANS.c.orphaned)

    def last_serial(self) -> int:
        """The serial of the last record of any scan; 0 before the first."""
        with self._database.transaction() as connection:
            return int(connection.execute(_LAST_SERIAL).scalar_one())

    def recorded_since(self, serial: int) -> dict[str, int]:
        """The scans recorded after `serial`, with the serial of each one's last record."""
        query = select(SCANS.c.name, SCANS.c.serial).where(SCANS.c.serial > serial)
        with self._database.transaction() as connection:
            return dict(connection.execute(query).all())

    def save(self, known: KnownScan, *, over: KnownScan | None = None) -> bool:
        """Record the scan; it is to be announced if its message differs from what was recorded before.

        Only where `over` is still what is recorded, or nothing is: another thread or replica may have had its say;
        False then.
        """
        scan = known.scan
        with self._database.transaction() as connection:
            self._guard(connection)
            before = connection.execute(select(SCANS).where(SCANS.c.name == scan.name)).one_or_none()
            if (None if before is None else _known(before)) != over:
                return False
            message = _revised(scan, before.message if before else None)
            row = {
                "name": scan.name,
                "fingerprint": known.fingerprint,
                "still_since": _seconds(known.still_since),
                "state": scan.state,
                "slide_id": scan.slide.slide_id,
                "specimen": scan.slide.specimen,
                "message": message,
                "announced": bool(before and before.announced and before.message == message),
                "copy_of": scan.copy_of,
                "orphaned": _orphaned(connection, scan),
                "serial": connection.execute(_LAST_SERIAL).scalar_one() + 1,
            }
            upsert(connection, SCANS, row)
            _tell_copies(connection, scan)
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
            self._guard(connection)
            rows = connection.execute(select(SCANS.c.message).where(~SCANS.c.announced).order_by(SCANS.c.name))
            return [Scan.FromString(message) for message in rows.scalars()]

    def announced(self, scans: Iterable[Scan]) -> None:
        """These words are durable at the broker."""
        with self._database.transaction() as connection:
            for scan in scans:
                _mark_announced(connection, scan)

    def scans_of(self, slide_id: str) -> list[KnownScan]:
        """Every scan of a slide, the original before its copies."""
        known = self._where(SCANS.c.slide_id == slide_id)
        return sorted(known, key=lambda one: (bool(one.scan.copy_of), one.scan.name))

    def _where(self, which: ColumnElement[bool]) -> list[KnownScan]:
        with self._database.transaction() as connection:
            return [_known(row) for row in connection.execute(select(SCANS).where(which).order_by(SCANS.c.name))]


class Stores:
    """Everything that ingestion keeps in its database; a `guard` is asked before a scan is written or announced."""

    def __init__(self, database: Database, guard: Guard = lambda _: None) -> None:
        self.scans = ScanStore(database, guard)
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


def _orphaned(connection: Connection, scan: Scan) -> bool:
    same = (SCANS.c.name == scan.copy_of) & (SCANS.c.slide_id == scan.slide.slide_id)
    return bool(scan.copy_of) and connection.execute(select(SCANS.c.name).where(same)).first() is None


def _tell_copies(connection: Connection, original: Scan) -> None:
    other_slide = SCANS.c.slide_id != original.slide.slide_id
    changed = (SCANS.c.copy_of == original.name) & (SCANS.c.orphaned != other_slide)
    connection.execute(update(SCANS).where(changed).values(orphaned=other_slide))


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
