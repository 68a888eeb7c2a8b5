"""The tables of Frottis 0.1.0, which made them without saying their version."""

from alembic import op
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, String

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "scans",
        Column("name", String, primary_key=True),
        Column("revision", Integer, nullable=False),
        Column("slide_id", String, nullable=False),
        Column("specimen", String, nullable=False),
        Column("first_seen", Float, nullable=False),
        Column("completed", Float),
        Column("deadline", Float),
        Column("copy_of", String, nullable=False),
        Column("ended", Boolean, nullable=False),
        Column("value", Integer, nullable=False),
        Column("code", String, nullable=False),
        Column("text", String, nullable=False),
    )
    op.create_index("ix_scans_slide_id", "scans", ["slide_id"])
    op.create_index("ix_scans_specimen", "scans", ["specimen"])
    op.create_table(
        "reports",
        Column("report_id", String, primary_key=True),
        Column("serial", Integer, nullable=False, unique=True),
        Column("slide_id", String, nullable=False),
        Column("specimen", String, nullable=False),
        Column("measures", Integer, nullable=False),
        Column("to_lis", Boolean, nullable=False),
        Column("report", LargeBinary, nullable=False),
        Column("value", Integer, nullable=False),
        Column("code", String, nullable=False),
        Column("text", String, nullable=False),
    )
    op.create_index("ix_reports_slide_id", "reports", ["slide_id"])
    op.create_index("ix_reports_specimen", "reports", ["specimen"])
    op.create_table(
        "deliveries",
        Column("report_id", String, primary_key=True),
        Column("control_id", String, nullable=False),
        Column("delivery", LargeBinary, nullable=False),
        Column("value", Integer, nullable=False),
        Column("code", String, nullable=False),
        Column("text", String, nullable=False),
    )
