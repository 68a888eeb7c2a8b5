"""Puts reports in force and on their way, and asks for more: each is decided once, and said again as it was then.

Sending comes after the transaction, and a kill may come between. The message that something follows from is delivered
again then, and says it again; no other message does, however often it comes.
"""

from enum import StrEnum

from services.kit.clock import Clock, to_timestamp
from services.kit.contracts import ReadingRequest, Report, Stage
from services.kit.stages import reach
from services.kit.telemetry import Metrics
from services.kit.transport import Outgoing
from services.reasoning.case import deadline_of
from services.reasoning.causes import TIME
from services.reasoning.report_store import ReportStore
from services.reasoning.request_store import RequestStore


class Basis(StrEnum):
    """What a report was decided on."""

    # The cells of the slide.
    CELLS = "cells"
    # The cells, while the specimen has no order.
    AWAITING = "awaiting"
    # The deadline came before a field was read. Reading goes on, and its report follows.
    TOO_LATE = "too_late"
    # What ingestion said of the scan.
    SCAN = "scan"
    # Another slide of the specimen is reported.
    SECOND_SCAN = "second_scan"
    # Another order of the specimen was answered from this slide.
    ALREADY_REPORTED = "already_reported"


# After these nothing more is read of a slide.
ENDS = frozenset({Basis.CELLS, Basis.SECOND_SCAN})


class Issuer:
    """Issues within one transaction, because of one message: the `cause`."""

    def __init__(
        self, reports: ReportStore, requests: RequestStore, clock: Clock, metrics: Metrics, cause: str
    ) -> None:
        self.reports = reports
        self._requests = requests
        self._clock = clock
        self._metrics = metrics
        self._cause = cause

    def issue(self, report: Report, basis: Basis) -> list[Outgoing]:
        """Send `report`; nothing when it is the one in force for its slide and order."""
        in_force = self.reports.in_force(report.slide.slide_id).get(report.order_id)
        if in_force is not None and in_force.report_id == report.report_id:
            return []
        known = self.reports.reissue(report.report_id, self._cause)
        if known is not None:
            return [outgoing(known)]
        self._stamp(report)
        self.reports.issue(report, basis, self._cause)
        return [outgoing(report)]

    def ask(self, request: ReadingRequest) -> list[Outgoing]:
        """Send `request`; nothing when it was sent before. Time asks for nothing."""
        new = self._cause != TIME and self._requests.put(request, self._cause)
        return [_asking(request)] if new else []

    def again(self) -> list[Outgoing]:
        """What was said because of the message and still counts, as it was said then."""
        reports = self.reports.messages(one.report_id for one in self.reports.caused_by(self._cause))
        return [*map(_asking, self._requests.caused_by(self._cause)), *map(outgoing, reports)]

    def _stamp(self, report: Report) -> None:
        now = self._clock.now()
        reach(report.slide, Stage.STAGE_DECIDED, now, self._metrics)
        report.decided_at.CopyFrom(to_timestamp(now))


def outgoing(report: Report) -> Outgoing:
    """A report on its way."""
    return Outgoing("reports", report.slide.slide_id, report, deadline_of(report.slide))


def _asking(request: ReadingRequest) -> Outgoing:
    return Outgoing("requests", request.slide.slide_id, request, deadline_of(request.slide))
