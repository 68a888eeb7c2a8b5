"""What this service tells the others, durable with the state that it tells of (transactional outbox).

An event stays in the table until the broker has it, so a crash in between tells it again: the same message, the same
order of messages.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from threading import Event

from google.protobuf.message import Message
from sqlalchemy import delete, event, insert, select
from sqlalchemy.engine import Connection

from services.kit.contracts import Delivery, Order
from services.kit.database import Database
from services.kit.transport import Outgoing
from services.lis.tables import EVENTS

BATCH = 200
ORDERS, DELIVERIES = "orders", "deliveries"
_CARRIED: dict[str, type[Message]] = {ORDERS: Order, DELIVERIES: Delivery}
# Names the event in the outgoing message, so that exactly what was sent is removed.
_EVENT = "event"
# Stands with a connection on which something was noted since its last commit.
_NOTED = "frottis-noted"


def note(connection: Connection, topic: str, key: str, value: Message, deadline: datetime | None = None) -> None:
    """Tell `value` on `topic` once the transaction of `connection` is durable."""
    connection.info[_NOTED] = True
    connection.execute(
        insert(EVENTS).values(
            topic=topic,
            key=key,
            value=value.SerializeToString(deterministic=True),
            deadline=deadline.timestamp() if deadline else None,
        )
    )


class Events:
    """Feeds a Timer: `unsent` gives what is to be sent, `sent` removes it; `wake` is set when something is noted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.wake = Event()
        event.listen(database.engine, "commit", self._look)

    def unsent(self) -> Iterable[Outgoing]:
        """The oldest events, in the order in which they were noted."""
        with self._database.transaction() as connection:
            rows = connection.execute(select(EVENTS).order_by(EVENTS.c.id).limit(BATCH)).all()
        return [
            Outgoing(
                topic=row.topic,
                key=row.key,
                value=_CARRIED[row.topic].FromString(row.value),
                deadline=None if row.deadline is None else datetime.fromtimestamp(row.deadline, UTC),
                headers={_EVENT: str(row.id)},
            )
            for row in rows
        ]

    def sent(self, messages: Sequence[Outgoing]) -> None:
        """The broker has these."""
        ids = [int(message.headers[_EVENT]) for message in messages]
        if ids:
            with self._database.transaction() as connection:
                connection.execute(delete(EVENTS).where(EVENTS.c.id.in_(ids)))
        if len(ids) == BATCH:
            self.wake.set()

    def _look(self, connection: Connection) -> None:
        # Right before the commit: who is woken reads in a transaction of its own, and waits for this one to end.
        if connection.info.pop(_NOTED, False):
            self.wake.set()
