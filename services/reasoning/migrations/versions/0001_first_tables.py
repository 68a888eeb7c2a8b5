"""The tables of Frottis 0.1.0, which made them without saying their version."""

from alembic import op
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, String

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "slides",
        Column("slide_id", String, primary_key=True),
        Column("specimen", String, nullable=False),
        Column("scan", LargeBinary, nullable=False),
        Column("slide", LargeBinary, nullable=False),
        Column("due", Float),
        Column("forgotten", Boolean, nullable=False),
    )
    op.create_index("ix_slides_due", "slides", ["due"])
    op.create_index("ix_slides_specimen", "slides", ["specimen"])
    op.create_table(
        "readings",
        Column("slide_id", String, primary_key=True),
        Column("round", Integer, primary_key=True),
        Column("message", LargeBinary, nullable=False),
    )
    op.create_table(
        "tiles",
        Column("slide_id", String, primary_key=True),
        Column("tile_id", String, primary_key=True),
        Column("leukocytes", Integer, nullable=False),
        Column("erythrocytes", Integer, nullable=False),
        Column("message", LargeBinary, nullable=False),
    )
    op.create_table(
        "orders",
        Column("order_id", String, primary_key=True),
        Column("specimen", String, nullable=False),
        Column("ordered_at", Float, nullable=False),
        Column("cancelled", Boolean, nullable=False),
        Column("message", LargeBinary, nullable=False),
    )
    op.create_index("ix_orders_specimen", "orders", ["specimen"])
    op.create_table(
        "reports",
        Column("report_id", String, primary_key=True),
        Column("issue", Integer, nullable=False),
        Column("slide_id", String, nullable=False),
        Column("specimen", String, nullable=False),
        Column("order_id", String, nullable=False),
        Column("basis", String, nullable=False),
        Column("decision", Integer, nullable=False),
        Column("decided_at", Float, nullable=False),
        Column("announced", Boolean, nullable=False),
        Column("message", LargeBinary, nullable=False),
    )
    op.create_index("ix_reports_specimen", "reports", ["specimen"])
    op.create_index("reports_of_slide", "reports", ["slide_id", "order_id"])
