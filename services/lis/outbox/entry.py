"""A message in the outbox, and what the others are told of it."""

from dataclasses import dataclass
from datetime import datetime

from services.kit.clock import to_timestamp
from services.kit.contracts import Decision, Delivery, DeliveryState, Priority, Reason, Slide

SENDING = DeliveryState.DELIVERY_STATE_SENDING
ACKNOWLEDGED = DeliveryState.DELIVERY_STATE_ACKNOWLEDGED
REJECTED = DeliveryState.DELIVERY_STATE_REJECTED


@dataclass(frozen=True)
class Waiting:
    """As much of a waiting message as says when its turn is."""

    id: int
    order_id: str
    priority: Priority.ValueType
    deadline: datetime


@dataclass(frozen=True)
class Entry:
    """A message with all that is known of its delivery."""

    id: int
    report_id: str
    control_id: str
    order_id: str
    content: bytes
    slide: Slide
    decision: Decision.ValueType
    deadline: datetime
    state: DeliveryState.ValueType
    attempts: int
    refusals: int
    # When the LIS first asked for the message later; None before that.
    refused: datetime | None
    code: str
    reason: Reason
    missed: bool


def delivery_of(entry: Entry, at: datetime) -> Delivery:
    """What the other services hear of the entry."""
    return Delivery(
        report_id=entry.report_id,
        slide=entry.slide,
        order_id=entry.order_id,
        control_id=entry.control_id,
        state=entry.state,
        attempts=entry.attempts,
        acknowledgement_code=entry.code,
        reason=entry.reason if entry.reason.code else None,
        at=to_timestamp(at),
        decision=entry.decision,
    )
