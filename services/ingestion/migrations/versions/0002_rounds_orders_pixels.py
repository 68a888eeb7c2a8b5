"""Rounds with their tiles and answers, orders instead of the urgency of specimens, and the age of tiles."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    String,
    column,
    inspect,
    select,
    table,
    text,
)

from services.kit.contracts import Scan, ScanState

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _rounds()
    op.create_table(
        "orders",
        Column("order_id", String, primary_key=True),
        Column("specimen", String, nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("priority", Integer, nullable=False),
        Column("leukocytes", Integer, nullable=False),
        Column("cancelled", Boolean, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_orders_specimen", "orders", ["specimen"], if_not_exists=True)
    op.create_table(
        "pixels",
        Column("slide_id", String, primary_key=True),
        Column("age_s", Float, nullable=False),
        if_not_exists=True,
    )
    if inspect(op.get_bind()).has_table("urgency"):
        _carry_over()


def _rounds() -> None:
    op.create_table(
        "tiles",
        Column("slide_id", String, primary_key=True),
        Column("round", Integer, primary_key=True),
        Column("place", Integer, primary_key=True),
        Column("tile", LargeBinary, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "answered",
        Column("slide_id", String, primary_key=True),
        Column("name", String, nullable=False),
        Column("revision", BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_answered_name", "answered", ["name"], if_not_exists=True)
    op.create_table(
        "given_up",
        Column("slide_id", String, primary_key=True),
        Column("name", String, nullable=False),
        Column("times", Integer, nullable=False),
        Column("in_a_row", Integer, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_given_up_name", "given_up", ["name"], if_not_exists=True)


def _carry_over() -> None:
    """Slides that were read: their tiles are young. Urgent specimens stay so, as by an order of their own."""
    op.execute(
        text(
            "INSERT INTO pixels (slide_id, age_s) SELECT DISTINCT slide_id, 0.0 FROM rounds "
            "WHERE slide_id NOT IN (SELECT slide_id FROM pixels)"
        )
    )
    op.execute(
        text(
            "INSERT INTO orders (order_id, specimen, revision, priority, leukocytes, cancelled) "
            "SELECT 'before 0002: ' || specimen, specimen, 0, priority, 0, false FROM urgency WHERE specimen <> ''"
        )
    )
    op.drop_table("urgency")
    _answer()


def _answer() -> None:
    """A slide that was read was read as the admitted scan that it is."""
    scans, rounds = (
        table("scans", column("name"), column("slide_id"), column("message")),
        table("rounds", column("slide_id")),
    )
    answered = table("answered", *map(column, ("slide_id", "name", "revision")))
    read = select(scans.c.message).where(scans.c.slide_id.in_(select(rounds.c.slide_id))).order_by(scans.c.name.desc())
    said = map(Scan.FromString, op.get_bind().execute(read).scalars())
    admitted = [scan for scan in said if scan.state == ScanState.SCAN_STATE_ADMITTED and not scan.copy_of]
    rows = {scan.slide.slide_id: (scan.name, scan.revision) for scan in admitted}
    op.bulk_insert(answered, [{"slide_id": slide, "name": name, "revision": n} for slide, (name, n) in rows.items()])
