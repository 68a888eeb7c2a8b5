"""The worklist on disk."""

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, String, Table

from services.kit.migrations import tables_of

METADATA = tables_of(__file__)


def _said() -> tuple["Column[int]", "Column[str]", "Column[str]"]:
    """A service's last word: a contract's enum value, and its reason."""
    return (
        Column("value", Integer, nullable=False),
        Column("code", String, nullable=False),
        Column("text", String, nullable=False),
    )


SCANS = Table(
    "scans",
    METADATA,
    Column("name", String, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("slide_id", String, nullable=False, index=True),
    Column("specimen", String, nullable=False, index=True),
    Column("first_seen", Float, nullable=False),
    Column("completed", Float),
    Column("deadline", Float),
    Column("copy_of", String, nullable=False),
    # Whether its end has been counted.
    Column("ended", Boolean, nullable=False, default=False),
    # Where it was when last looked at; NULL since something was said of its slide.
    Column("state", String, index=True),
    *_said(),
)
REPORTS = Table(
    "reports",
    METADATA,
    Column("report_id", String, primary_key=True),
    # The order in which reports were first heard of.
    Column("serial", Integer, nullable=False, unique=True),
    Column("slide_id", String, nullable=False, index=True),
    Column("specimen", String, nullable=False, index=True),
    Column("measures", Integer, nullable=False),
    # Whether a message to the LIS follows from it: the LIS is told of everything that it ordered.
    Column("to_lis", Boolean, nullable=False),
    Column("report", LargeBinary, nullable=False),
    *_said(),
)
DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("report_id", String, primary_key=True),
    Column("control_id", String, nullable=False),
    Column("delivery", LargeBinary, nullable=False),
    *_said(),
)
# Slides whose way to the LIS has ended and whose trace was told so: it is told once.
SETTLED = Table("settled", METADATA, Column("slide_id", String, primary_key=True))
