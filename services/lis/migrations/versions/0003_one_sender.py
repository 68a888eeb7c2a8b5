"""Which replica sends."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, String

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "sender",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("holder", String, nullable=False),
        Column("beat", BigInteger, nullable=False),
        if_not_exists=True,
    )
