"""The worklist: a projection of what ingestion, reasoning and the LIS service said of each scan."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Float, Integer, LargeBinary, MetaData, Row, String, Table, select

from services.kit.clock import from_timestamp
from services.kit.contracts import Decision, Delivery, DeliveryState, Report, Scan, Slide, Stage
from services.kit.database import Database, upsert
from services.review.states import Said, Standing, standing

METADATA = MetaData()
SCANS = Table(
    "scans",
    METADATA,
    Column("name", String, primary_key=True),
    Column("slide_id", String, nullable=False, index=True),
    Column("specimen", String, nullable=False, index=True),
    Column("first_seen", Float, nullable=False),
    Column("completed", Float),
    Column("deadline", Float),
    Column("copy_of", String, nullable=False),
    Column("value", Integer, nullable=False),
    Column("code", String, nullable=False),
    Column("text", String, nullable=False),
)
REPORTS = Table(
    "reports",
    METADATA,
    Column("slide_id", String, primary_key=True),
    Column("report_id", String, nullable=False),
    Column("specimen", String, nullable=False, index=True),
    Column("decided", Float, nullable=False),
    Column("value", Integer, nullable=False),
    Column("code", String, nullable=False),
    Column("text", String, nullable=False),
    # Whether a message to the LIS follows from it: the LIS is told of everything that it ordered.
    Column("to_lis", Boolean, nullable=False),
    Column("report", LargeBinary, nullable=False),
)
DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("slide_id", String, primary_key=True),
    Column("report_id", String, nullable=False),
    Column("control_id", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("value", Integer, nullable=False),
    Column("code", String, nullable=False),
    Column("text", String, nullable=False),
    Column("delivery", LargeBinary, nullable=False),
)


@dataclass(frozen=True)
class Entry:
    """One scan on the worklist. Times are aware UTC; `completed` and `deadline` are None until the scan is complete."""

    scan: str
    slide_id: str
    specimen: str
    standing: Standing
    first_seen: datetime
    completed: datetime | None
    deadline: datetime | None
    copy_of: str
    control_id: str
    # Whether everything that the LIS must hear of this slide has been answered.
    delivered: bool


class Worklist:
    """Reads and writes the projection. Every write is idempotent: the same message twice changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_scan(self, scan: Scan) -> None:
        row = {
            "name": scan.name,
            "slide_id": scan.slide.slide_id,
            "specimen": scan.slide.specimen,
            "first_seen": from_timestamp(scan.first_seen_at).timestamp(),
            "completed": _completed(scan.slide),
            "deadline": from_timestamp(scan.slide.deadline).timestamp() if scan.slide.HasField("deadline") else None,
            "copy_of": scan.copy_of,
            "value": scan.state,
            "code": scan.reason.code,
            "text": scan.reason.text,
        }
        self._put(SCANS, row)

    def record_report(self, report: Report) -> None:
        reason = report.reasons[0] if report.reasons else None
        decided_at = from_timestamp(report.decided_at).timestamp()
        row = {
            "slide_id": report.slide.slide_id,
            "report_id": report.report_id,
            "specimen": report.slide.specimen,
            "decided": decided_at,
            "value": report.decision,
            "code": reason.code if reason else "",
            "text": reason.text if reason else "",
            "to_lis": bool(report.order_id) and report.decision != Decision.DECISION_AWAITING_ORDER,
            "report": report.SerializeToString(),
        }
        with self._database.transaction() as connection:
            same = REPORTS.c.slide_id == report.slide.slide_id
            decided = connection.execute(select(REPORTS.c.decided).where(same)).scalar_one_or_none()
            # A report that comes late does not take the place of the one decided after it.
            if decided is None or decided <= decided_at:
                upsert(connection, REPORTS, row)

    def record_delivery(self, delivery: Delivery) -> None:
        row = {
            "slide_id": delivery.slide.slide_id,
            "report_id": delivery.report_id,
            "control_id": delivery.control_id,
            "at": from_timestamp(delivery.at).timestamp(),
            "value": delivery.state,
            "code": delivery.reason.code,
            "text": delivery.reason.text,
            "delivery": delivery.SerializeToString(),
        }
        with self._database.transaction() as connection:
            known = connection.execute(
                select(DELIVERIES).where(DELIVERIES.c.slide_id == delivery.slide.slide_id)
            ).one_or_none()
            # An end that the LIS gave to a report is not undone by an older word about the same report.
            if known and known.report_id == delivery.report_id and known.value > delivery.state:
                return
            upsert(connection, DELIVERIES, row)

    def entries(self) -> Sequence[Entry]:
        """Every scan ever seen, oldest first."""
        with self._database.transaction() as connection:
            return list(_entries(connection))

    def report(self, slide_or_specimen: str) -> Report | None:
        """The last report of a slide, or of a specimen's slide decided last; None when there is none."""
        chosen = (REPORTS.c.slide_id == slide_or_specimen) | (REPORTS.c.specimen == slide_or_specimen)
        query = select(REPORTS.c.report).where(chosen).order_by(REPORTS.c.decided.desc()).limit(1)
        with self._database.transaction() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else Report.FromString(found)

    def delivery(self, slide_id: str) -> Delivery | None:
        """What became of the slide's last report on its way to the LIS; None before it was built."""
        query = select(DELIVERIES.c.delivery).where(DELIVERIES.c.slide_id == slide_id)
        with self._database.transaction() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else Delivery.FromString(found)

    def _put(self, table: Table, row: dict[str, object]) -> None:
        with self._database.transaction() as connection:
            upsert(connection, table, row)


def _entries(connection: Connection) -> Iterator[Entry]:
    reports = {row.slide_id: row for row in connection.execute(select(REPORTS))}
    deliveries = {row.slide_id: row for row in connection.execute(select(DELIVERIES))}
    for row in connection.execute(select(SCANS).order_by(SCANS.c.first_seen, SCANS.c.name)):
        report = reports.get(row.slide_id)
        delivery = deliveries.get(row.slide_id)
        # A delivery of an earlier report says nothing about this one.
        if delivery is not None and (report is None or delivery.report_id != report.report_id):
            delivery = None
        yield _entry(row, report, delivery)


def _entry(row: Row[Any], report: Row[Any] | None, delivery: Row[Any] | None) -> Entry:
    answered = delivery is not None and delivery.value >= DeliveryState.DELIVERY_STATE_ACKNOWLEDGED
    return Entry(
        scan=row.name,
        slide_id=row.slide_id,
        specimen=row.specimen,
        standing=standing(_said(row), report and _said(report), delivery and _said(delivery)),
        first_seen=datetime.fromtimestamp(row.first_seen, UTC),
        completed=None if row.completed is None else datetime.fromtimestamp(row.completed, UTC),
        deadline=None if row.deadline is None else datetime.fromtimestamp(row.deadline, UTC),
        copy_of=row.copy_of,
        control_id=delivery.control_id if delivery else "",
        delivered=report is None or not report.to_lis or answered,
    )


def _said(row: Row[Any]) -> Said:
    return Said(row.value, row.code, row.text)


def _completed(slide: Slide) -> float | None:
    stages = (stage for stage in slide.milestones if stage.stage == Stage.STAGE_SCAN_COMPLETE)
    return next((from_timestamp(stage.at).timestamp() for stage in stages), None)
