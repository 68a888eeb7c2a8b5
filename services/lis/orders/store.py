"""Orders with the patients they are for. Durable, and noted for the other services, when a method returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.engine import Connection

from services.kit.contracts import Decision, DeliveryState, Order
from services.kit.database import Database, upsert
from services.lis.events import ORDERS as ORDERS_TOPIC
from services.lis.events import note
from services.lis.hl7.faults import Fault, Refused, refuse
from services.lis.hl7.segments import decode_segment, encode_segment
from services.lis.orders.changes import change
from services.lis.orders.model import Action, OrderRequest, Standing
from services.lis.tables import ORDERS, OUTBOX, REVISIONS, TAKEN


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
        Raises Refused (AE) with the faults of all requests that contradict what is known, TransientError.
        """
        with self._database.transaction() as connection:
            if connection.execute(select(TAKEN).where(TAKEN.c.digest == digest)).first():
                return Taken(repeated=True)
            reported = _apply_all(connection, requests, at)
            upsert(connection, TAKEN, {"digest": digest, "at": at.timestamp()})
            return Taken(repeated=False, reported=tuple(reported))

    def known(self, order_id: str) -> Standing | None:
        """The order, with its patient; None when the LIS never placed it, or it was removed long after its report."""
        with self._database.transaction() as connection:
            return _load(connection, order_id)


def _apply_all(connection: Connection, requests: Sequence[OrderRequest], at: datetime) -> list[str]:
    """The specimens of new or changed orders that have a report already."""
    reported: list[str] = []
    faults: list[Fault] = []
    for request in requests:
        try:
            if _apply(connection, request, at) and _reported(connection, request):
                reported.append(request.wanted.specimen)
        except Refused as refused:
            faults.extend(refused.faults)
    if faults:
        raise refuse("AE", *faults)
    return reported


def _apply(connection: Connection, request: OrderRequest, at: datetime) -> bool:
    """Whether the other services have something new to hear."""
    order_id = request.placer.order_id
    after, words = change(_load(connection, order_id), request, _others(connection, order_id, request.wanted.specimen))
    # The last word is the order as it stands, so it is stored with its revision.
    for word in words:
        word.revision = _next_revision(connection)
        note(connection, ORDERS_TOPIC, word.order_id, word)
    _save(connection, after, at)
    return bool(words)


def _next_revision(connection: Connection) -> int:
    """A number above all that were given before, also to orders that were removed since."""
    revision: int = connection.execute(insert(REVISIONS).returning(REVISIONS.c.revision)).scalar_one()
    connection.execute(delete(REVISIONS))
    return revision


def _load(connection: Connection, order_id: str) -> Standing | None:
    row = connection.execute(select(ORDERS).where(ORDERS.c.order_id == order_id)).one_or_none()
    return None if row is None else _standing(row)


def _others(connection: Connection, order_id: str, specimen: str) -> list[Standing]:
    """The other orders in force for the specimen."""
    others = (ORDERS.c.specimen == specimen) & ~ORDERS.c.cancelled & (ORDERS.c.order_id != order_id)
    return [_standing(row) for row in connection.execute(select(ORDERS).where(others))]


def _standing(row: Row[Any]) -> Standing:
    return Standing(Order.FromString(row.message), tuple(decode_segment(line) for line in row.echo.split("\r")))


def _save(connection: Connection, standing: Standing, at: datetime) -> None:
    order = standing.order
    row = {
        "order_id": order.order_id,
        "specimen": order.specimen,
        "cancelled": order.cancelled,
        "changed": at.timestamp(),
        "message": order.SerializeToString(deterministic=True),
        "echo": "\r".join(map(encode_segment, standing.echo)),
    }
    upsert(connection, ORDERS, row)


def _reported(connection: Connection, request: OrderRequest) -> bool:
    query = select(OUTBOX.c.id).where(
        OUTBOX.c.specimen == request.wanted.specimen,
        OUTBOX.c.decision == Decision.DECISION_RELEASED,
        OUTBOX.c.state != DeliveryState.DELIVERY_STATE_REJECTED,
    )
    return request.action is not Action.CANCEL and connection.execute(query).first() is not None
