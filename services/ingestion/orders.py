"""The orders of each specimen, as far as they concern its reading: how urgent, and how many leukocytes."""

from sqlalchemy import Column, ColumnElement, Integer, func, select

from services.ingestion.tables import ORDERS
from services.kit.contracts import Order, Priority
from services.kit.database import Database, upsert


class OrderStore:
    """Durable when a method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, order: Order) -> None:
        """Remember the order as it stands; a word older than the known one is passed over."""
        row = {
            "order_id": order.order_id,
            "specimen": order.specimen,
            "revision": order.revision,
            "priority": order.priority,
            "leukocytes": order.leukocytes_wanted,
            "cancelled": order.cancelled,
        }
        with self._database.transaction() as connection:
            query = select(ORDERS.c.revision).where(ORDERS.c.order_id == order.order_id)
            known = connection.execute(query).scalar_one_or_none()
            if known is None or known <= order.revision:
                upsert(connection, ORDERS, row)

    def urgency(self, specimen: str) -> Priority.ValueType:
        """The highest priority of the specimen's orders that are not cancelled; routine while there is none."""
        return Priority.ValueType(max(self._highest(ORDERS.c.priority, specimen), Priority.PRIORITY_ROUTINE))

    def awaited(self, specimen: str) -> bool:
        """Whether the specimen has an order that is not cancelled."""
        query = select(ORDERS.c.order_id).where(_wanted(specimen)).limit(1)
        with self._database.transaction() as connection:
            return connection.execute(query).first() is not None

    def leukocytes(self, specimen: str) -> int:
        """The most leukocytes that an order of the specimen asks for; 0 where they leave it to the laboratory."""
        return self._highest(ORDERS.c.leukocytes, specimen)

    def _highest(self, column: Column[int], specimen: str) -> int:
        query = select(func.max(column, type_=Integer)).where(_wanted(specimen))
        with self._database.transaction() as connection:
            highest = connection.execute(query).scalar_one()
        return highest or 0


def _wanted(specimen: str) -> ColumnElement[bool]:
    return (ORDERS.c.specimen == specimen) & ~ORDERS.c.cancelled & (ORDERS.c.specimen != "")
