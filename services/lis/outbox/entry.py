"""A message in the outbox, and what the others are told of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

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
    code: str
    reason: Reason
    missed: bool


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
        code=row.code,
        reason=Reason(code=row.reason_code, text=row.reason_text),
        missed=row.missed,
    )


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
