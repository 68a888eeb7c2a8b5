"""The worklist: a projection of what ingestion, reasoning and the LIS service said of each scan."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from services.kit.clock import from_timestamp
from services.kit.contracts import Decision, Delivery, DeliveryState, Report, Scan, Slide, Stage
from services.kit.database import Database, upsert
from services.kit.stages import reached
from services.review.states import Said, Standing, State, standing
from services.review.tables import DELIVERIES, METADATA, REPORTS, SCANS, SETTLED

__all__ = ["METADATA", "Entry", "Overview", "Settled", "Worklist"]

_ENDS = [str(state) for state in State if state.ended]

# A row of whichever columns.
RowOf: TypeAlias = Any

# Reports without their content, each with what the LIS was last heard to say of it.
_ACCOUNTS = select(
    *(column for column in REPORTS.c if column.name != "report"),
    DELIVERIES.c.control_id,
    DELIVERIES.c.value.label("delivery_value"),
    DELIVERIES.c.code.label("delivery_code"),
    DELIVERIES.c.text.label("delivery_text"),
).select_from(REPORTS.outerjoin(DELIVERIES, REPORTS.c.report_id == DELIVERIES.c.report_id))


@dataclass(frozen=True)
class Entry:
    """One scan on the worklist. Times are aware UTC.

    `completed` is None unless the scan was complete, `deadline` until it is complete or held.
    """

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


@dataclass(frozen=True)
class Settled:
    """A slide that has ended, the LIS having answered all that it must hear of it; `slide` as it was last told."""

    entry: Entry
    slide: Slide | None


@dataclass(frozen=True)
class Overview:
    """How many scans are in each state, copies among them, and since when the oldest that has not ended waits."""

    states: Mapping[State, int]
    waiting_since: datetime | None


class Worklist:
    """Reads and writes the projection. Every write is idempotent: the same message twice changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_scan(self, scan: Scan) -> None:
        """Keep a scan's word, unless a later one is known."""
        completed = reached(scan.slide, Stage.STAGE_SCAN_COMPLETE)
        row = {
            "name": scan.name,
            "revision": scan.revision,
            "slide_id": scan.slide.slide_id,
            "specimen": scan.slide.specimen,
            "first_seen": from_timestamp(scan.first_seen_at).timestamp(),
            "completed": completed.timestamp() if completed else None,
            "deadline": from_timestamp(scan.slide.deadline).timestamp() if scan.slide.HasField("deadline") else None,
            "copy_of": scan.copy_of,
            "value": scan.state,
            "code": scan.reason.code,
            "text": scan.reason.text,
        }
        with self._database.transaction() as connection:
            query = select(SCANS.c.revision).where(SCANS.c.name == scan.name)
            known = connection.execute(query).scalar_one_or_none()
            if known is None or known < scan.revision:
                upsert(connection, SCANS, row | {"ended": False, "state": None})

    def record_report(self, report: Report) -> None:
        """Keep a report; a repeated one keeps its place in the order."""
        reason = report.reasons[0] if report.reasons else None
        with self._database.transaction() as connection:
            known = connection.execute(select(REPORTS.c.serial).where(REPORTS.c.report_id == report.report_id))
            serial = known.scalar_one_or_none()
            if serial is None:
                serial = connection.execute(select(func.coalesce(func.max(REPORTS.c.serial), 0))).scalar_one() + 1
            row = {
                "report_id": report.report_id,
                "serial": serial,
                "slide_id": report.slide.slide_id,
                "specimen": report.slide.specimen,
                "measures": len(report.measures),
                "to_lis": bool(report.order_id) and report.decision != Decision.DECISION_AWAITING_ORDER,
                "report": report.SerializeToString(),
                "value": report.decision,
                "code": reason.code if reason else "",
                "text": reason.text if reason else "",
            }
            upsert(connection, REPORTS, row)
            _look_again_at(connection, report.slide.slide_id)

    def record_delivery(self, delivery: Delivery) -> None:
        """Keep what the LIS said; its last word on a report is not undone by an older one."""
        row = {
            "report_id": delivery.report_id,
            "control_id": delivery.control_id,
            "delivery": delivery.SerializeToString(),
            "value": delivery.state,
            "code": delivery.reason.code,
            "text": delivery.reason.text,
        }
        with self._database.transaction() as connection:
            query = select(DELIVERIES.c.value).where(DELIVERIES.c.report_id == delivery.report_id)
            known = connection.execute(query).scalar_one_or_none()
            if known is None or known <= delivery.state:
                upsert(connection, DELIVERIES, row)
                _look_again_at(connection, delivery.slide.slide_id)

    def entries(self) -> Sequence[Entry]:
        """Every scan ever seen, oldest first."""
        with self._database.transaction() as connection:
            return list(_entries(connection))

    def newly_ended(self) -> Sequence[Entry]:
        """Originals that have ended and were not told of here before."""
        fresh = SCANS.c.state.in_(_ENDS) & ~SCANS.c.ended & (SCANS.c.copy_of == "")
        with self._database.transaction() as connection:
            _bring_up_to_date(connection)
            ended = list(_entries(connection, fresh))
            names = [entry.scan for entry in ended]
            connection.execute(update(SCANS).where(SCANS.c.name.in_(names)).values(ended=True))
        return ended

    def overview(self) -> Overview:
        """How many scans are where, and since when the oldest waits. Scans that nothing was said of are not read."""
        counted = select(SCANS.c.state, func.count()).group_by(SCANS.c.state)
        oldest = select(func.min(func.coalesce(SCANS.c.completed, SCANS.c.first_seen))).where(
            SCANS.c.state.not_in(_ENDS)
        )
        with self._database.transaction() as connection:
            _bring_up_to_date(connection)
            states = {State(state): count for state, count in connection.execute(counted)}
            since = connection.execute(oldest).scalar_one()
        return Overview(states, None if since is None else datetime.fromtimestamp(since, UTC))

    def newly_settled(self, slide_id: str) -> Settled | None:
        """The slide as it ended; None before that, and when it was told of here before."""
        with self._database.transaction() as connection:
            if connection.execute(select(SETTLED).where(SETTLED.c.slide_id == slide_id)).one_or_none() is not None:
                return None
            entries = [entry for entry in _entries(connection, SCANS.c.slide_id == slide_id) if not entry.copy_of]
            entry = next((entry for entry in entries if entry.standing.state.ended and entry.delivered), None)
            if entry is None:
                return None
            connection.execute(insert(SETTLED).values(slide_id=slide_id))
            return Settled(entry, _last_told(connection, slide_id))

    def report(self, slide_or_specimen: str) -> Report | None:
        """The report in force of a slide, or of a specimen; None when there is none."""
        chosen = (REPORTS.c.slide_id == slide_or_specimen) | (REPORTS.c.specimen == slide_or_specimen)
        with self._database.transaction() as connection:
            found = connection.execute(_ACCOUNTS.where(chosen)).all()
            if not found:
                return None
            query = select(REPORTS.c.report).where(REPORTS.c.report_id == _in_force(found).report_id)
            return Report.FromString(connection.execute(query).scalar_one())

    def delivery(self, report_id: str) -> Delivery | None:
        """What became of a report on its way to the LIS; None before it was built."""
        query = select(DELIVERIES.c.delivery).where(DELIVERIES.c.report_id == report_id)
        with self._database.transaction() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else Delivery.FromString(found)


def _look_again_at(connection: Connection, slide_id: str) -> None:
    connection.execute(update(SCANS).where(SCANS.c.slide_id == slide_id).values(state=None))


def _bring_up_to_date(connection: Connection) -> None:
    """Look at the scans whose slides something was said of since."""
    for entry in list(_entries(connection, SCANS.c.state.is_(None))):
        connection.execute(update(SCANS).where(SCANS.c.name == entry.scan).values(state=str(entry.standing.state)))


def _entries(connection: Connection, chosen: ColumnElement[bool] | None = None) -> Iterator[Entry]:
    """Every scan, or the chosen ones, oldest first."""
    scans, reports = select(SCANS).order_by(SCANS.c.first_seen, SCANS.c.name), _ACCOUNTS
    if chosen is not None:
        slides = select(SCANS.c.slide_id).where(chosen)
        scans, reports = scans.where(chosen), reports.where(REPORTS.c.slide_id.in_(slides))
    accounts: dict[str, list[RowOf]] = {}
    for row in connection.execute(reports):
        accounts.setdefault(row.slide_id, []).append(row)
    for row in connection.execute(scans):
        yield _entry(row, accounts.get(row.slide_id, []))


def _last_told(connection: Connection, slide_id: str) -> Slide | None:
    """The slide with its milestones, from the delivery of the report that says where it is, or from that report."""
    report = _standing_for(connection.execute(_ACCOUNTS.where(REPORTS.c.slide_id == slide_id)).all())
    if report is None:
        return None
    delivery = select(DELIVERIES.c.delivery).where(DELIVERIES.c.report_id == report.report_id)
    told = connection.execute(delivery).scalar_one_or_none()
    if told is not None:
        return Delivery.FromString(told).slide
    content = select(REPORTS.c.report).where(REPORTS.c.report_id == report.report_id)
    return Report.FromString(connection.execute(content).scalar_one()).slide


def _in_force(reports: Sequence[RowOf]) -> RowOf:
    """Values that the LIS has count over later notices; then values over none; then the last."""
    return max(reports, key=lambda row: (_values_delivered(row), row.measures > 0, row.serial))


def _values_delivered(row: RowOf) -> bool:
    released = row.value == Decision.DECISION_RELEASED
    return bool(released and row.delivery_value == DeliveryState.DELIVERY_STATE_ACKNOWLEDGED)


def _entry(row: RowOf, reports: Sequence[RowOf]) -> Entry:
    report = _standing_for(reports)
    said = Said(report.value, report.code, report.text) if report else None
    answered = report is not None and report.delivery_value is not None
    delivery = Said(report.delivery_value, report.delivery_code, report.delivery_text) if report and answered else None
    return Entry(
        scan=row.name,
        slide_id=row.slide_id,
        specimen=row.specimen,
        standing=standing(Said(row.value, row.code, row.text), said, delivery),
        first_seen=datetime.fromtimestamp(row.first_seen, UTC),
        completed=None if row.completed is None else datetime.fromtimestamp(row.completed, UTC),
        deadline=None if row.deadline is None else datetime.fromtimestamp(row.deadline, UTC),
        copy_of=row.copy_of,
        control_id=report.control_id or "" if report else "",
        delivered=all(map(_answered, reports)),
    )


def _standing_for(reports: Sequence[RowOf]) -> RowOf | None:
    """The report that says where the slide is: values that the LIS has, or else the last word."""
    return max(reports, key=lambda row: (_values_delivered(row), row.serial), default=None)


def _answered(row: RowOf) -> bool:
    answered = row.delivery_value is not None and row.delivery_value >= DeliveryState.DELIVERY_STATE_ACKNOWLEDGED
    return answered or not row.to_lis
