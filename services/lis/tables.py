"""What the LIS gateway keeps. Patients stand in `orders.echo` and `outbox.message`, and nowhere else in Frottis."""

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, String, Table, Text

from services.kit.lease import leases_in
from services.kit.migrations import tables_of

METADATA = tables_of(__file__)

ORDERS = Table(
    "orders",
    METADATA,
    Column("order_id", String, primary_key=True),
    Column("specimen", String, nullable=False, index=True),
    Column("cancelled", Boolean, nullable=False),
    # Unix s of the last message on the order.
    Column("changed", Float, nullable=False),
    # The Order message as the other services know it, with its revision.
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

# Where revisions come from: numbers are never given twice. Empty between two words.
REVISIONS = Table(
    "revisions",
    METADATA,
    Column("revision", Integer, primary_key=True, autoincrement=True),
    sqlite_autoincrement=True,
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
    # What is sent, at every attempt; empty once it was thrown away, long after it ended.
    Column("message", LargeBinary, nullable=False),
    # OBR-25 of the message: P, F, C or I; empty once its order was removed, so that it counts for no later one.
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
    # Unix s of the first of them; none before that.
    Column("refused", Float),
    # MSA-1 that ended it; empty while open.
    Column("code", String, nullable=False),
    Column("reason_code", String, nullable=False),
    Column("reason_text", String, nullable=False),
    Column("missed", Boolean, nullable=False),
    # Unix s at which the state last became an end; none while it is open.
    Column("ended", Float, index=True),
)

# Which replica sends.
LEASES = leases_in(METADATA)
