"""Which replica sends, in a table as every service keeps it. Who held the work is gone when the tables change."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, String

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "leases",
        Column("name", String, primary_key=True),
        Column("holder", String, nullable=False),
        Column("beats", BigInteger, nullable=False),
        Column("offered", Boolean, nullable=False),
        if_not_exists=True,
    )
    op.drop_table("sender", if_exists=True)
