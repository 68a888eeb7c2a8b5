"""Since when the LIS asks for a message later. For one that was refused before, that counts from the next answer on."""

from alembic import op
from sqlalchemy import Column, Float, inspect

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    if not any(found["name"] == "refused" for found in inspect(op.get_bind()).get_columns("outbox")):
        op.add_column("outbox", Column("refused", Float))
