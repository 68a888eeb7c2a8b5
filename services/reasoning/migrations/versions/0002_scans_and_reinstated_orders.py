"""Which slide each scan is, and orders whose cancellation was taken back."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, String, column, select, table

from services.kit.contracts import Scan

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "scans",
        Column("name", String, primary_key=True),
        Column("revision", BigInteger, nullable=False),
        Column("slide_id", String, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_scans_slide_id", "scans", ["slide_id"], if_not_exists=True)
    _name_scans()
    op.create_table(
        "reinstated",
        Column("order_id", String, primary_key=True),
        Column("revision", BigInteger, nullable=False),
        Column("issue", Integer, nullable=False),
        if_not_exists=True,
    )


def _name_scans() -> None:
    """What slides say of their scans; of two that were the same scan, the later word counts."""
    slides, scans = table("slides", column("scan")), table("scans", *map(column, ("name", "revision", "slide_id")))
    named = set(op.get_bind().execute(select(scans.c.name)).scalars())
    said = map(Scan.FromString, op.get_bind().execute(select(slides.c.scan)).scalars())
    last = {scan.name: scan for scan in sorted(said, key=lambda scan: (scan.revision, scan.slide.slide_id))}
    rows = [
        {"name": name, "revision": scan.revision, "slide_id": scan.slide.slide_id}
        for name, scan in last.items()
        if name and name not in named
    ]
    op.bulk_insert(scans, rows)
