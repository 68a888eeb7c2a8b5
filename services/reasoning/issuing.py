"""Puts reports in force and on their way: each is decided once, and sent again as it was decided."""

from collections.abc import Iterable
from enum import StrEnum

from services.kit.clock import Clock, to_timestamp
from services.kit.contracts import Report, Stage
from services.kit.stages import reach
from services.kit.telemetry import Metrics
from services.kit.transport import Outgoing
from services.reasoning.case import deadline_of
from services.reasoning.report_store import Issued, ReportStore


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
    """Issues within one transaction. Reports that time brings are not `announced` until they were sent."""

    def __init__(self, reports: ReportStore, clock: Clock, metrics: Metrics, *, announced: bool) -> None:
        self.reports = reports
        self._clock = clock
        self._metrics = metrics
        self._announced = announced

    def issue(self, report: Report, basis: Basis) -> list[Outgoing]:
        """Send `report`; nothing when it is the one in force for its slide and order."""
        in_force = self.reports.in_force(report.slide.slide_id).get(report.order_id)
        if in_force is not None and in_force.report_id == report.report_id:
            return []
        known = self.reports.reissue(report.report_id, announced=self._announced)
        if known is not None:
            return [outgoing(known)]
        self._stamp(report)
        self.reports.issue(report, basis, announced=self._announced)
        return [outgoing(report)]

    def again(self, slide_id: str) -> list[Outgoing]:
        """Every report in force of the slide, as it was sent; one that awaited an order only while it is alone."""
        issued = self.reports.in_force(slide_id)
        if len(issued) > 1:
            issued.pop("", None)
        return outgoings(self.reports, issued.values())

    def _stamp(self, report: Report) -> None:
        now = self._clock.now()
        reach(report.slide, Stage.STAGE_DECIDED, now, self._metrics)
        report.decided_at.CopyFrom(to_timestamp(now))


def outgoing(report: Report) -> Outgoing:
    """A report on its way."""
    return Outgoing("reports", report.slide.slide_id, report, deadline_of(report.slide))


def outgoings(reports: ReportStore, issued: Iterable[Issued]) -> list[Outgoing]:
    """Reports as they were issued."""
    return [outgoing(report) for report in reports.messages(one.report_id for one in issued)]
