"""Keeps each scan's state, so that only those that something was said of are looked at; at first, all are."""

from alembic import op
from sqlalchemy import Column, String, inspect

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    if any(found["name"] == "state" for found in inspect(op.get_bind()).get_columns("scans")):
        return
    op.add_column("scans", Column("state", String))
    op.create_index("ix_scans_state", "scans", ["state"])
