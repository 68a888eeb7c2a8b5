"""Every report that was issued. Every call works within the caller's transaction."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from services.kit.clock import from_timestamp
from services.kit.contracts import Decision, Report
from services.kit.database import upsert
from services.reasoning.causes import TIME
from services.reasoning.rows import content
from services.reasoning.tables import REINSTATED, REPORTS


@dataclass(frozen=True)
class Issued:
    """A report that was issued."""

    report_id: str
    slide_id: str
    order_id: str
    basis: str
    cause: str


_ISSUED = select(REPORTS.c.report_id, REPORTS.c.slide_id, REPORTS.c.order_id, REPORTS.c.basis, REPORTS.c.cause)
# Reports told at a time of those that the others may not have.
MOST_TOLD = 100


class ReportStore:
    """Every report issued, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def issue(self, report: Report, basis: str, cause: str) -> None:
        """Put a report in force for its slide and order: a new one, or one whose content was thrown away.

        One that follows from no message is not announced.
        """
        row = {
            "report_id": report.report_id,
            "issue": self._next(),
            "slide_id": report.slide.slide_id,
            "specimen": report.slide.specimen,
            "order_id": report.order_id,
            "basis": basis,
            "decision": report.decision,
            "decided_at": from_timestamp(report.decided_at).timestamp(),
            "cause": cause,
            "announced": cause != TIME,
            "message": content(report),
        }
        upsert(self._connection, REPORTS, row)

    def reissue(self, report_id: str, cause: str) -> Report | None:
        """Put a report that was in force before in force again, as it was decided then.

        None when there is none, or its content was thrown away.
        """
        same = REPORTS.c.report_id == report_id
        before = self._connection.execute(select(REPORTS.c.message).where(same)).scalar_one_or_none()
        if not before:
            return None
        now = {"issue": self._next(), "cause": cause, "announced": cause != TIME}
        self._connection.execute(update(REPORTS).where(same).values(**now))
        return Report.FromString(before)

    def in_force(self, slide_id: str) -> dict[str, Issued]:
        """The slide's last report by order, the last issued last; the empty id stands for none.

        What was issued before an order's cancellation was taken back is not in force.
        """
        withdrawn = select(REINSTATED.c.order_id).where(
            REINSTATED.c.order_id == REPORTS.c.order_id, REINSTATED.c.issue >= REPORTS.c.issue
        )
        query = _ISSUED.where(REPORTS.c.slide_id == slide_id, ~withdrawn.exists()).order_by(REPORTS.c.issue)
        last: dict[str, Issued] = {}
        for row in self._connection.execute(query):
            last.pop(row.order_id, None)
            last[row.order_id] = Issued(*row)
        return last

    def caused_by(self, cause: str) -> list[Issued]:
        """What was issued because of that message and still counts, the first first."""
        query = select(REPORTS.c.slide_id).where(REPORTS.c.cause == cause).order_by(REPORTS.c.issue)
        counting = []
        for slide_id in dict.fromkeys(self._connection.execute(query).scalars()):
            counting += [one for one in self._counting(slide_id) if one.cause == cause]
        return counting

    def released(self, specimen: str) -> list[Issued]:
        """The specimen's reports whose values went out, the first first."""
        wanted = (REPORTS.c.specimen == specimen) & (REPORTS.c.decision == Decision.DECISION_RELEASED)
        rows = self._connection.execute(_ISSUED.where(wanted).order_by(REPORTS.c.issue))
        return [Issued(*row) for row in rows]

    def messages(self, report_ids: Iterable[str]) -> Iterator[Report]:
        """The reports as they were issued; those whose content was thrown away are left out."""
        for report_id in report_ids:
            query = select(REPORTS.c.message).where(REPORTS.c.report_id == report_id)
            if message := self._connection.execute(query).scalar_one():
                yield Report.FromString(message)

    def unannounced(self) -> list[str]:
        """Ids of reports that the other services may not have, the oldest first, and not all at a time.

        Those that another one has taken the place of are never told.
        """
        untold = ~REPORTS.c.announced & (REPORTS.c.message != b"")
        query = select(REPORTS.c.slide_id, REPORTS.c.report_id).where(untold).order_by(REPORTS.c.issue)
        found = self._connection.execute(query.limit(MOST_TOLD)).all()
        counting = {one.report_id for slide_id in {row.slide_id for row in found} for one in self._counting(slide_id)}
        self.announced(row.report_id for row in found if row.report_id not in counting)
        return [row.report_id for row in found if row.report_id in counting]

    def _counting(self, slide_id: str) -> list[Issued]:
        """Those in force; one that awaited an order counts only while it is alone."""
        issued = self.in_force(slide_id)
        if len(issued) > 1:
            issued.pop("", None)
        return list(issued.values())

    def announced(self, report_ids: Iterable[str]) -> None:
        """These are durable at the broker."""
        wanted = REPORTS.c.report_id.in_(list(report_ids))
        self._connection.execute(update(REPORTS).where(wanted).values(announced=True))

    def _next(self) -> int:
        highest = select(func.coalesce(func.max(REPORTS.c.issue), 0))
        return int(self._connection.execute(highest).scalar_one()) + 1
