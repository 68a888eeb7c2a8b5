"""What the LIS gateway keeps. Patients stand in `orders.echo` and `outbox.message`, and nowhere else in Frottis."""

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()

ORDERS = Table(
    "orders",
    METADATA,
    Column("order_id", String, primary_key=True),
    Column("specimen", String, nullable=False, index=True),
    Column("cancelled", Boolean, nullable=False),
    # The Order message as the other services last saw it.
    Column("message", LargeBinary, nullable=False),
    # The segments that a report repeats, as ER7 lines.
    Column("echo", Text, nullable=False),
)

# Order messages that were answered AA, so that one sent again is answered alike and changes nothing.
TAKEN = Table(
    "taken_messages",
    METADATA,
    Column("digest", String, primary_key=True),
    # Unix s.
    Column("at", Float, nullable=False),
)

# Messages for the other services: written with the state that they tell of, removed once the broker has them.
EVENTS = Table(
    "events",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("topic", String, nullable=False),
    Column("key", String, nullable=False),
    Column("value", LargeBinary, nullable=False),
    # Unix s; none comes last.
    Column("deadline", Float),
    # Ids are never used again, so that removing a sent event cannot remove a later one.
    sqlite_autoincrement=True,
)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("report_id", String, nullable=False, unique=True),
    Column("control_id", String, nullable=False, unique=True),
    Column("order_id", String, nullable=False, index=True),
    Column("specimen", String, nullable=False, index=True),
    # What is sent, at every attempt.
    Column("message", LargeBinary, nullable=False),
    # OBR-25 of the message: P, F, C or I.
    Column("status", String, nullable=False),
    # The Slide message, with the milestones reached here.
    Column("slide", LargeBinary, nullable=False),
    Column("decision", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    # Unix s.
    Column("deadline", Float, nullable=False),
    # DeliveryState.
    Column("state", Integer, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    # Times that the LIS answered AR or CR to the message without faulting its header.
    Column("refusals", Integer, nullable=False),
    # MSA-1 that ended it; empty while open.
    Column("code", String, nullable=False),
    Column("reason_code", String, nullable=False),
    Column("reason_text", String, nullable=False),
    Column("missed", Boolean, nullable=False),
)
