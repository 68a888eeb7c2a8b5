"""Reports in: each goes to the LIS once, or the others hear why it cannot."""

from collections.abc import Callable, Iterable

import structlog

from services.kit.clock import Clock, from_timestamp, to_timestamp
from services.kit.contracts import Decision, Delivery, DeliveryState, Reason, Report
from services.kit.errors import PoisonError
from services.kit.transport import Outgoing, Received
from services.lis.errors import NotExpressible
from services.lis.events import DELIVERIES
from services.lis.orders.model import Standing
from services.lis.orders.store import OrderStore
from services.lis.outbox.store import OutboxStore
from services.lis.reports.writer import ReportWriter

log = structlog.get_logger()


class LisHandlers:
    """Messages in, messages out. `wake` tells the sender that there is something to send."""

    def __init__(
        self, orders: OrderStore, outbox: OutboxStore, writer: ReportWriter, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self._orders = orders
        self._outbox = outbox
        self._writer = writer
        self._clock = clock
        self._wake = wake

    def reports(self, report: Report) -> Iterable[Outgoing]:
        """Put a decided report into the outbox, which tells the others; a repeated one is there already.

        Raises PoisonError for a report that cannot be written as HL7, TransientError.
        """
        if not _concerns_the_lis(report) or self._outbox.repeat(report.report_id, self._clock.now()):
            return ()
        known = self._orders.known(report.order_id)
        if known is None:
            return [self._rejection(report, "order_unknown", "Its order is not known here: no patient is invented.")]
        if known.order.cancelled:
            return [self._rejection(report, "order_cancelled", "Its order was cancelled before it could be sent.")]
        self._put(report, known)
        self._wake()
        return ()

    def unsendable(self, received: Received, reason: str) -> Iterable[Outgoing]:
        """What the others hear of a report that went to the dead letters."""
        return [self._rejection(received.value, "report_not_expressible", f"It cannot be sent: {reason}")]

    def _put(self, report: Report, known: Standing) -> None:
        now = self._clock.now()
        try:
            self._outbox.put(report, lambda sent: self._writer.write(report, known, sent, now), now)
        except NotExpressible as error:
            raise PoisonError(str(error)) from error

    def _rejection(self, report: Report, code: str, text: str) -> Outgoing:
        log.error("report not sent", report=report.report_id, why=code)
        value = Delivery(
            report_id=report.report_id,
            slide=report.slide,
            order_id=report.order_id,
            state=DeliveryState.DELIVERY_STATE_REJECTED,
            reason=Reason(code=code, text=f"The report was not sent. {text}"),
            at=to_timestamp(self._clock.now()),
            decision=report.decision,
        )
        return Outgoing(DELIVERIES, report.slide.slide_id, value, from_timestamp(report.slide.deadline))


def _concerns_the_lis(report: Report) -> bool:
    """A held slide without an order is usual, and no business of the LIS; values without one are a defect elsewhere."""
    if report.decision in (Decision.DECISION_HELD, Decision.DECISION_REFUSED):
        return bool(report.order_id)
    return report.decision == Decision.DECISION_RELEASED
