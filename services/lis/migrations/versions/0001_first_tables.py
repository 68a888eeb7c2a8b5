"""The tables of Frottis 0.1.0, which made them without saying their version."""

from alembic import op
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, String, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "orders",
        Column("order_id", String, primary_key=True),
        Column("specimen", String, nullable=False),
        Column("cancelled", Boolean, nullable=False),
        Column("message", LargeBinary, nullable=False),
        Column("echo", Text, nullable=False),
    )
    op.create_index("ix_orders_specimen", "orders", ["specimen"])
    op.create_table(
        "taken_messages",
        Column("digest", String, primary_key=True),
        Column("at", Float, nullable=False),
    )
    op.create_table(
        "events",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("topic", String, nullable=False),
        Column("key", String, nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("deadline", Float),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outbox",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("report_id", String, nullable=False, unique=True),
        Column("control_id", String, nullable=False, unique=True),
        Column("order_id", String, nullable=False),
        Column("specimen", String, nullable=False),
        Column("message", LargeBinary, nullable=False),
        Column("status", String, nullable=False),
        Column("slide", LargeBinary, nullable=False),
        Column("decision", Integer, nullable=False),
        Column("priority", Integer, nullable=False),
        Column("deadline", Float, nullable=False),
        Column("state", Integer, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("refusals", Integer, nullable=False),
        Column("code", String, nullable=False),
        Column("reason_code", String, nullable=False),
        Column("reason_text", String, nullable=False),
        Column("missed", Boolean, nullable=False),
    )
    op.create_index("ix_outbox_order_id", "outbox", ["order_id"])
    op.create_index("ix_outbox_specimen", "outbox", ["specimen"])
    op.create_index("ix_outbox_state", "outbox", ["state"])
