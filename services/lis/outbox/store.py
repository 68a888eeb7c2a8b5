"""The outbox on disk. Every change and what the others hear of it are one transaction."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.engine import Connection

from services.kit.clock import from_timestamp
from services.kit.contracts import Decision, DeliveryState, Priority, Reason, Report, Slide, Stage
from services.kit.database import Database
from services.kit.stages import reach, reached
from services.kit.telemetry import Metrics
from services.lis.events import DELIVERIES, note
from services.lis.outbox.entry import REJECTED, SENDING, Entry, Waiting, delivery_of
from services.lis.reports.writer import Written
from services.lis.tables import OUTBOX


class OutboxStore:
    """Safe for use by several threads; durable when a method returns. Methods raise TransientError (disk full).

    `fence` says within a transaction whether this process may record what comes of sending; it raises LeaseLost.
    """

    def __init__(self, database: Database, metrics: Metrics, fence: Callable[[Connection], None]) -> None:
        self._database = database
        self._metrics = metrics
        self._fence = fence

    def repeat(self, report_id: str, at: datetime) -> bool:
        """Tell the others again how the report's delivery stands; False when the report is not in the outbox."""
        with self._database.transaction() as connection:
            row = connection.execute(select(OUTBOX).where(OUTBOX.c.report_id == report_id)).one_or_none()
            if row is not None:
                _tell(connection, entry_of(row), at)
            return row is not None

    def put(self, report: Report, write: Callable[[Collection[str]], Written], at: datetime) -> None:
        """Take in a report, or tell how it stands if another replica has meanwhile.

        `write` makes the message from what its order was sent before.
        """
        same = select(OUTBOX).where(OUTBOX.c.report_id == report.report_id)
        with self._database.transaction() as connection:
            if connection.execute(same).one_or_none() is None:
                _insert(connection, report, write(_sent_before(connection, report.order_id)))
            _tell(connection, entry_of(connection.execute(same).one()), at)

    def waiting(self) -> list[Waiting]:
        """What is not answered, without what must wait for an earlier message of the same order; oldest first."""
        columns = (OUTBOX.c.id, OUTBOX.c.order_id, OUTBOX.c.priority, OUTBOX.c.deadline)
        with self._database.transaction() as connection:
            rows = connection.execute(select(*columns).where(OUTBOX.c.state == SENDING).order_by(OUTBOX.c.id)).all()
        first = {row.order_id: row for row in reversed(rows)}
        return [
            Waiting(r.id, r.order_id, Priority.ValueType(r.priority), datetime.fromtimestamp(r.deadline, UTC))
            for r in first.values()
        ]

    def attempt(self, entry_id: int, at: datetime) -> Entry:
        """Record that the message is about to be sent, so that a crash does not hide that it may have been.

        Raises LeaseLost.
        """
        with self._sending() as connection:
            entry = _load(connection, entry_id)
            if reached(entry.slide, Stage.STAGE_SENT) is None:
                reach(entry.slide, Stage.STAGE_SENT, at, self._metrics)
            entry = replace(entry, attempts=entry.attempts + 1)
            _save(connection, entry)
            return entry

    def explain(self, entry_id: int, reason: Reason, at: datetime) -> None:
        """Why the message is still on its way. The others hear a reason once, not at every attempt.

        Raises LeaseLost.
        """
        with self._sending() as connection:
            entry = _load(connection, entry_id)
            if entry.state == SENDING and entry.reason.code != reason.code:
                entry = replace(entry, reason=reason)
                _save(connection, entry)
                _tell(connection, entry, at)

    def settle(self, control_id: str, judge: Callable[[Entry], Entry], at: datetime) -> tuple[Entry, Entry] | None:
        """The entry of that MSH-10 before and after `judge`; None when no message of ours has it.

        Raises LeaseLost: the answer is that to another connection's message, which that one waits for.
        """
        with self._sending() as connection:
            row = connection.execute(select(OUTBOX).where(OUTBOX.c.control_id == control_id)).one_or_none()
            if row is None:
                return None
            before = entry_of(row)
            after = judge(before)
            if after is not before:
                _save(connection, after)
                if after.state != before.state:
                    _end(connection, after.id, at)
                _tell(connection, after, at)
            return before, after

    def newly_missed(self, at: datetime) -> list[Priority.ValueType]:
        """Priorities of the waiting messages whose deadline has passed since this was last asked."""
        late = (OUTBOX.c.state == SENDING) & (OUTBOX.c.deadline < at.timestamp()) & OUTBOX.c.missed.is_(False)
        with self._database.transaction() as connection:
            rows = connection.execute(select(OUTBOX.c.priority).where(late)).all()
            connection.execute(update(OUTBOX).where(late).values(missed=True))
        return [Priority.ValueType(row.priority) for row in rows]

    def count(self) -> int:
        """Messages that are not answered."""
        query = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.state == SENDING)
        with self._database.transaction() as connection:
            return int(connection.execute(query).scalar_one())

    @contextmanager
    def _sending(self) -> Iterator[Connection]:
        with self._database.transaction() as connection:
            self._fence(connection)
            yield connection


def _insert(connection: Connection, report: Report, written: Written) -> None:
    connection.execute(
        insert(OUTBOX).values(
            report_id=report.report_id,
            control_id=written.control_id,
            order_id=report.order_id,
            specimen=report.slide.specimen,
            message=written.content,
            status=written.status,
            slide=report.slide.SerializeToString(deterministic=True),
            decision=report.decision,
            priority=report.slide.priority,
            deadline=from_timestamp(report.slide.deadline).timestamp(),
            state=SENDING,
            attempts=0,
            refusals=0,
            code="",
            reason_code="",
            reason_text="",
            missed=False,
        )
    )


def _sent_before(connection: Connection, order_id: str) -> list[str]:
    """OBR-25 of what the order was sent, or is about to be, and the LIS has not rejected."""
    counts = (OUTBOX.c.order_id == order_id) & (OUTBOX.c.state != REJECTED) & (OUTBOX.c.status != "")
    query = select(OUTBOX.c.status).where(counts)
    return list(connection.execute(query).scalars())


def _load(connection: Connection, entry_id: int) -> Entry:
    return entry_of(connection.execute(select(OUTBOX).where(OUTBOX.c.id == entry_id)).one())


def _save(connection: Connection, entry: Entry) -> None:
    changed = {
        "slide": entry.slide.SerializeToString(deterministic=True),
        "state": entry.state,
        "attempts": entry.attempts,
        "refusals": entry.refusals,
        "refused": entry.refused.timestamp() if entry.refused else None,
        "code": entry.code,
        "reason_code": entry.reason.code,
        "reason_text": entry.reason.text,
        "missed": entry.missed,
    }
    connection.execute(update(OUTBOX).where(OUTBOX.c.id == entry.id).values(**changed))


def _end(connection: Connection, entry_id: int, at: datetime) -> None:
    connection.execute(update(OUTBOX).where(OUTBOX.c.id == entry_id).values(ended=at.timestamp()))


def _tell(connection: Connection, entry: Entry, at: datetime) -> None:
    note(connection, DELIVERIES, entry.slide.slide_id, delivery_of(entry, at), entry.deadline)


def entry_of(row: Row[Any]) -> Entry:
    """The entry in a row of the outbox table."""
    return Entry(
        id=row.id,
        report_id=row.report_id,
        control_id=row.control_id,
        order_id=row.order_id,
        content=row.message,
        slide=Slide.FromString(row.slide),
        decision=Decision.ValueType(row.decision),
        deadline=datetime.fromtimestamp(row.deadline, UTC),
        state=DeliveryState.ValueType(row.state),
        attempts=row.attempts,
        refusals=row.refusals,
        refused=None if row.refused is None else datetime.fromtimestamp(row.refused, UTC),
        code=row.code,
        reason=Reason(code=row.reason_code, text=row.reason_text),
        missed=row.missed,
    )
