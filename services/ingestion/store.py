"""What ingestion keeps: every scan it has seen, with the last word said of it, and the urgency of each specimen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, MetaData, Row, String, Table, select, update
from sqlalchemy.engine import Connection

from services.kit.clock import from_timestamp, to_timestamp
from services.kit.contracts import Priority, Reading, Scan
from services.kit.database import Database, upsert

METADATA = MetaData()
SCANS = Table(
    "scans",
    METADATA,
    Column("name", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    # When this fingerprint was first seen (unix s): the moment the scan was complete, if it is.
    Column("still_since", Float, nullable=False),
    Column("state", Integer, nullable=False),
    Column("slide_id", String, nullable=False, index=True),
    Column("message", LargeBinary, nullable=False),
    Column("announced", Boolean, nullable=False),
)
ROUNDS = Table(
    "rounds",
    METADATA,
    Column("slide_id", String, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("reading", LargeBinary, nullable=False),
)
URGENCY = Table(
    "urgency",
    METADATA,
    Column("specimen", String, primary_key=True),
    Column("priority", Integer, nullable=False),
)


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

    def save(self, known: KnownScan) -> None:
        """Record the scan; it is to be announced if its message differs from what was recorded before."""
        with self._database.transaction() as connection:
            before = connection.execute(select(SCANS).where(SCANS.c.name == known.scan.name)).one_or_none()
            message = _revised(known.scan, before.message if before else None)
            row = {
                "name": known.scan.name,
                "fingerprint": known.fingerprint,
                "still_since": to_timestamp(known.still_since).ToMilliseconds() / 1e3,
                "state": known.scan.state,
                "slide_id": known.scan.slide.slide_id,
                "message": message,
                "announced": bool(before and before.announced and before.message == message),
            }
            upsert(connection, SCANS, row)

    def original(self, slide_id: str, name: str) -> str:
        """Name of the scan first recorded as this slide, other than `name` itself; empty when there is none."""
        same = (SCANS.c.slide_id == slide_id) & (SCANS.c.name != name)
        with self._database.transaction() as connection:
            rows = connection.execute(select(SCANS).where(same)).all()
        originals = [row.name for row in rows if not Scan.FromString(row.message).copy_of]
        return min(originals, default="")

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

    def name_of(self, slide_id: str) -> str | None:
        """Name of a scan of this slide, an original before a copy; None when no scan of it is known any more."""
        query = select(SCANS.c.message).where(SCANS.c.slide_id == slide_id).order_by(SCANS.c.name)
        with self._database.transaction() as connection:
            scans = [Scan.FromString(message) for message in connection.execute(query).scalars()]
        return min(((bool(scan.copy_of), scan.name) for scan in scans), default=(False, None))[1]

    def scans_of(self, slide_id: str) -> list[KnownScan]:
        """Every scan of a slide, copies too."""
        with self._database.transaction() as connection:
            return [_known(row) for row in connection.execute(select(SCANS).where(SCANS.c.slide_id == slide_id))]

    def save_round(self, reading: Reading) -> None:
        """Record what a round read."""
        row = {"slide_id": reading.slide.slide_id, "round": reading.round, "reading": reading.SerializeToString()}
        with self._database.transaction() as connection:
            upsert(connection, ROUNDS, row)

    def rounds(self, slide_id: str) -> dict[int, Reading]:
        """What each round of a slide read, by number."""
        query = select(ROUNDS.c.round, ROUNDS.c.reading).where(ROUNDS.c.slide_id == slide_id)
        with self._database.transaction() as connection:
            return {row.round: Reading.FromString(row.reading) for row in connection.execute(query)}

    def set_urgency(self, specimen: str, priority: Priority.ValueType) -> None:
        with self._database.transaction() as connection:
            upsert(connection, URGENCY, {"specimen": specimen, "priority": int(priority)})

    def urgency(self, specimen: str) -> Priority.ValueType:
        """The specimen's priority by its order; routine while there is none."""
        query = select(URGENCY.c.priority).where(URGENCY.c.specimen == specimen)
        with self._database.transaction() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return Priority.PRIORITY_ROUTINE if found is None else Priority.ValueType(found)


def _revised(scan: Scan, before: bytes | None) -> bytes:
    """The scan's message, with a revision above that of `before` where it says anything else."""
    revised = Scan()
    revised.CopyFrom(scan)
    revised.revision = Scan.FromString(before).revision if before is not None else 0
    if revised.SerializeToString(deterministic=True) != before:
        revised.revision += 1
    return revised.SerializeToString(deterministic=True)


def _known(row: Row[tuple[object, ...]]) -> KnownScan:
    scan = Scan.FromString(row.message)
    stamp = to_timestamp(from_timestamp(scan.first_seen_at))
    stamp.FromMilliseconds(round(row.still_since * 1e3))
    return KnownScan(fingerprint=row.fingerprint, still_since=from_timestamp(stamp), scan=scan)


def _mark_announced(connection: Connection, scan: Scan) -> None:
    message = scan.SerializeToString(deterministic=True)
    same = (SCANS.c.name == scan.name) & (SCANS.c.message == message)
    connection.execute(update(SCANS).where(same).values(announced=True))
