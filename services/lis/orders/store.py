"""Orders with the patients they are for. Durable, and noted for the other services, when a method returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.engine import Connection

from services.kit.contracts import Decision, DeliveryState, Order
from services.kit.database import Database, upsert
from services.lis.events import ORDERS as ORDERS_TOPIC
from services.lis.events import note
from services.lis.hl7.faults import Fault, refuse
from services.lis.hl7.segments import Segment, decode_segment, encode_segment
from services.lis.orders.model import Action, OrderRequest
from services.lis.tables import ORDERS, OUTBOX, TAKEN


@dataclass(frozen=True)
class KnownOrder:
    """An order as a report needs it: what the LIS said, to be said again."""

    order_id: str
    specimen: str
    cancelled: bool
    echo: tuple[Segment, ...]

    def segment(self, name: str) -> Segment:
        """The order's segment of that name; an empty one when the LIS sent none."""
        return next((segment for segment in self.echo if segment.name == name), Segment(name, ()))


@dataclass(frozen=True)
class Taken:
    """What a message changed. `reported`: specimens with a new or changed order that have a report already."""

    repeated: bool
    reported: tuple[str, ...] = ()


class OrderStore:
    """Safe for use by several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, digest: str, requests: Sequence[OrderRequest], at: datetime) -> Taken:
        """All orders of one message, or none.

        `digest` names the message: one that was taken before changes nothing, even when its orders changed since.
        Raises Refused (AE) for the cancellation of an unknown order, TransientError.
        """
        with self._database.transaction() as connection:
            if connection.execute(select(TAKEN).where(TAKEN.c.digest == digest)).first():
                return Taken(repeated=True)
            reported = [r.wanted.specimen for r in requests if _apply(connection, r) and _reported(connection, r)]
            upsert(connection, TAKEN, {"digest": digest, "at": at.timestamp()})
            return Taken(repeated=False, reported=tuple(reported))

    def known(self, order_id: str) -> KnownOrder | None:
        """The order, with its patient; None when the LIS never placed it."""
        with self._database.transaction() as connection:
            row = connection.execute(select(ORDERS).where(ORDERS.c.order_id == order_id)).one_or_none()
        if row is None:
            return None
        echo = tuple(decode_segment(line) for line in row.echo.split("\r"))
        return KnownOrder(row.order_id, row.specimen, row.cancelled, echo)


def _apply(connection: Connection, request: OrderRequest) -> bool:
    """Whether the other services have something new to hear."""
    order_id, cancelled = request.placer.order_id, request.action is Action.CANCEL
    before = connection.execute(select(ORDERS).where(ORDERS.c.order_id == order_id)).one_or_none()
    if before is None and cancelled:
        raise refuse("AE", Fault("204", request.place, "the order to cancel is not known here"))
    known = None if before is None else Order.FromString(before.message)
    message = _cancelled(known) if known and cancelled else request.wanted.message(order_id, cancelled=False)
    echo = "\r".join(map(encode_segment, request.echo)) if before is None or not cancelled else before.echo
    _save(connection, message, echo)
    if known == message:
        return False
    if known and known.specimen != message.specimen:
        # The order moved to another tube: whoever waits by the old number must not wait for it any more.
        note(connection, ORDERS_TOPIC, known.specimen, _cancelled(known))
    note(connection, ORDERS_TOPIC, message.specimen, message)
    return True


def _cancelled(order: Order) -> Order:
    copy = Order()
    copy.CopyFrom(order)
    copy.cancelled = True
    return copy


def _save(connection: Connection, message: Order, echo: str) -> None:
    row = {
        "order_id": message.order_id,
        "specimen": message.specimen,
        "cancelled": message.cancelled,
        "message": message.SerializeToString(deterministic=True),
        "echo": echo,
    }
    upsert(connection, ORDERS, row)


def _reported(connection: Connection, request: OrderRequest) -> bool:
    query = select(OUTBOX.c.id).where(
        OUTBOX.c.specimen == request.wanted.specimen,
        OUTBOX.c.decision == Decision.DECISION_RELEASED,
        OUTBOX.c.state != DeliveryState.DELIVERY_STATE_REJECTED,
    )
    return request.action is not Action.CANCEL and connection.execute(query).first() is not None
