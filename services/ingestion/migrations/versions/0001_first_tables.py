"""The tables of Frottis 0.1.0, which made them without saying their version."""

from alembic import op
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, String

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "scans",
        Column("name", String, primary_key=True),
        Column("fingerprint", String, nullable=False),
        Column("still_since", Float, nullable=False),
        Column("state", Integer, nullable=False),
        Column("slide_id", String, nullable=False),
        Column("message", LargeBinary, nullable=False),
        Column("announced", Boolean, nullable=False),
    )
    op.create_index("ix_scans_slide_id", "scans", ["slide_id"])
    op.create_table(
        "rounds",
        Column("slide_id", String, primary_key=True),
        Column("round", Integer, primary_key=True),
        Column("reading", LargeBinary, nullable=False),
    )
    op.create_table(
        "urgency",
        Column("specimen", String, primary_key=True),
        Column("priority", Integer, nullable=False),
    )
