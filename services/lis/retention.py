"""What is thrown away, and when: patients are not kept without end.

A message is needed until it ended (acknowledged or rejected) and its LIS can no longer send it, or an order, a second
time. Its row stays without the text, so that a late repeat of the report is still told how it stands, and not sent.
"""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.engine import Connection

from services.kit.clock import Clock
from services.kit.database import Database
from services.kit.transport import Outgoing
from services.lis.tables import ORDERS, OUTBOX, TAKEN


class Retention:
    """Feeds a Timer. Raises TransientError."""

    def __init__(self, database: Database, clock: Clock, keep_days: float) -> None:
        self._database = database
        self._clock = clock
        self._keep = timedelta(days=keep_days)

    def forget(self) -> Iterator[Outgoing]:
        """Throw away what is older than it must be kept. Sends nothing."""
        before = (self._clock.now() - self._keep).timestamp()
        with self._database.transaction() as connection:
            connection.execute(delete(TAKEN).where(TAKEN.c.at < before))
            connection.execute(
                update(OUTBOX).where((OUTBOX.c.ended < before) & (OUTBOX.c.message != b"")).values(message=b"")
            )
            _remove_orders(connection, before)
        yield from ()


def _remove_orders(connection: Connection, before: float) -> None:
    done = _done(before)
    orders = select(ORDERS.c.order_id).where(done)
    connection.execute(update(OUTBOX).where(OUTBOX.c.order_id.in_(orders) & (OUTBOX.c.status != "")).values(status=""))
    connection.execute(delete(ORDERS).where(done))


def _done(before: float) -> ColumnElement[bool]:
    """Orders whose every report ended, and those that were cancelled. One that waits for its slide is kept."""
    open_or_recent = or_(OUTBOX.c.ended.is_(None), OUTBOX.c.ended >= before)
    answered = ORDERS.c.order_id.in_(select(OUTBOX.c.order_id))
    needed = ORDERS.c.order_id.in_(select(OUTBOX.c.order_id).where(open_or_recent))
    return (ORDERS.c.changed < before) & (answered | ORDERS.c.cancelled) & ~needed
