"""Orders with revisions, and what tells how long an order or a message must be kept."""

import time

from alembic import op
from sqlalchemy import Column, Float, Integer, column, inspect, table

revision = "0002"
down_revision = "0001"

# DELIVERY_STATE_ACKNOWLEDGED, DELIVERY_STATE_REJECTED.
_ENDS = (2, 3)


def upgrade() -> None:
    op.create_table(
        "revisions",
        Column("revision", Integer, primary_key=True, autoincrement=True),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )
    if not _has("orders", "changed"):
        _add_changed()
    if not _has("outbox", "ended"):
        _add_ended()


def _add_changed() -> None:
    """When an order was changed is not on record: it is kept as if it had been now."""
    op.add_column("orders", Column("changed", Float))
    op.execute(table("orders", column("changed")).update().values(changed=time.time()))
    with op.batch_alter_table("orders") as orders:
        orders.alter_column("changed", existing_type=Float, nullable=False)


def _add_ended() -> None:
    """The same for messages that ended."""
    op.add_column("outbox", Column("ended", Float))
    op.create_index("ix_outbox_ended", "outbox", ["ended"])
    outbox = table("outbox", column("ended"), column("state"))
    op.execute(outbox.update().where(outbox.c.state.in_(_ENDS)).values(ended=time.time()))


def _has(name: str, wanted: str) -> bool:
    return any(found["name"] == wanted for found in inspect(op.get_bind()).get_columns(name))
