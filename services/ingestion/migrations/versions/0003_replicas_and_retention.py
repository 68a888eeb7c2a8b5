"""Several replicas on one share, scans found by what is asked of them, and tiles kept until their slide has ended."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, String, column, false, inspect, select, table, update

from services.kit.contracts import Scan

revision = "0003"
down_revision = "0002"

_INDEXED = ("state", "specimen", "announced", "copy_of", "orphaned", "serial")


def upgrade() -> None:
    op.create_table(
        "leases",
        Column("name", String, primary_key=True),
        Column("holder", String, nullable=False),
        Column("beats", BigInteger, nullable=False),
        Column("offered", Boolean, nullable=False),
        if_not_exists=True,
    )
    if not _has("scans", "serial"):
        _scans()
    for name in _INDEXED:
        op.create_index(f"ix_scans_{name}", "scans", [name], if_not_exists=True)
    if not _has("pixels", "ended"):
        _pixels()


def _has(table_name: str, column_name: str) -> bool:
    return any(found["name"] == column_name for found in inspect(op.get_bind()).get_columns(table_name))


def _scans() -> None:
    with op.batch_alter_table("scans") as scans:
        for more in _scan_columns():
            scans.add_column(more)
    _fill_in()
    with op.batch_alter_table("scans") as scans:
        for more in _scan_columns():
            scans.alter_column(more.name, server_default=None)


def _scan_columns() -> list["Column[object]"]:
    """With what rows hold until they are filled in."""
    return [
        Column("specimen", String, nullable=False, server_default=""),
        Column("copy_of", String, nullable=False, server_default=""),
        Column("orphaned", Boolean, nullable=False, server_default=false()),
        Column("serial", BigInteger, nullable=False, server_default="0"),
    ]


def _fill_in() -> None:
    """From each scan's own message; a copy counts as orphaned unless its original is the same slide."""
    names = ("name", "slide_id", "specimen", "copy_of", "orphaned", "serial")
    scans = table("scans", Column("message", LargeBinary), *map(column, names))
    bind = op.get_bind()
    slides = dict(bind.execute(select(scans.c.name, scans.c.slide_id)).all())
    for serial, name in enumerate(sorted(slides), start=1):
        scan = Scan.FromString(bind.execute(select(scans.c.message).where(scans.c.name == name)).scalar_one())
        orphaned = bool(scan.copy_of) and slides.get(scan.copy_of) != slides[name]
        row = {"specimen": scan.slide.specimen, "copy_of": scan.copy_of, "orphaned": orphaned, "serial": serial}
        bind.execute(update(scans).where(scans.c.name == name).values(row))


def _pixels() -> None:
    """Which slides ended before is not known here: their tiles stay."""
    with op.batch_alter_table("pixels") as pixels:
        pixels.add_column(Column("ended", Boolean, nullable=False, server_default=false()))
    with op.batch_alter_table("pixels") as pixels:
        pixels.alter_column("ended", server_default=None)
