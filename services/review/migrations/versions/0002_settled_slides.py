"""Remembers whose trace was told its end; of slides that ended before, no trace is told."""

from alembic import op
from sqlalchemy import Column, String

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table("settled", Column("slide_id", String, primary_key=True), if_not_exists=True)
    ended = "SELECT DISTINCT slide_id FROM scans WHERE ended AND slide_id <> ''"
    op.execute(f"INSERT INTO settled {ended} AND slide_id NOT IN (SELECT slide_id FROM settled)")  # noqa: S608
