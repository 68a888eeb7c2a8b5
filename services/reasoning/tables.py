"""The tables of the reasoning service. Moments are unix seconds."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, String, Table

from services.kit.migrations import tables_of

METADATA = tables_of(__file__)

SLIDES = Table(
    "slides",
    METADATA,
    Column("slide_id", String, primary_key=True),
    Column("specimen", String, nullable=False, index=True),
    # The last Scan of it that is no copy; empty before one came.
    Column("scan", LargeBinary, nullable=False, default=b""),
    # The first Slide that any message named it by.
    Column("slide", LargeBinary, nullable=False),
    # When to decide with what is there; null when nothing hurries.
    Column("due", Float, index=True),
    # Its cells were thrown away.
    Column("forgotten", Boolean, nullable=False, default=False),
)
# Which slide each scan on the share is, copies too: a scan that went on growing becomes another slide.
SCANS = Table(
    "scans",
    METADATA,
    Column("name", String, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    # Empty while the scan is too incomplete to say.
    Column("slide_id", String, nullable=False, index=True),
)
READINGS = Table(
    "readings",
    METADATA,
    Column("slide_id", String, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("message", LargeBinary, nullable=False),
)
TILES = Table(
    "tiles",
    METADATA,
    Column("slide_id", String, primary_key=True),
    Column("tile_id", String, primary_key=True),
    Column("leukocytes", Integer, nullable=False),
    Column("erythrocytes", Integer, nullable=False),
    Column("message", LargeBinary, nullable=False),
)
ORDERS = Table(
    "orders",
    METADATA,
    Column("order_id", String, primary_key=True),
    Column("specimen", String, nullable=False, index=True),
    Column("ordered_at", Float, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("message", LargeBinary, nullable=False),
)
# Further rounds that were asked for.
REQUESTS = Table(
    "requests",
    METADATA,
    Column("slide_id", String, primary_key=True),
    Column("round", Integer, primary_key=True),
    # The message that it follows from, see `causes`.
    Column("cause", String, nullable=False, index=True),
    Column("message", LargeBinary, nullable=False),
)
# Orders whose cancellation was taken back.
REINSTATED = Table(
    "reinstated",
    METADATA,
    Column("order_id", String, primary_key=True),
    # Of the word that took the last cancellation back.
    Column("revision", BigInteger, nullable=False),
    # The order's reports up to this one are no longer in force.
    Column("issue", Integer, nullable=False),
)
REPORTS = Table(
    "reports",
    METADATA,
    Column("report_id", String, primary_key=True),
    # Rises with every report issued; the last of a slide and order is the one in force.
    Column("issue", Integer, nullable=False),
    Column("slide_id", String, nullable=False),
    Column("specimen", String, nullable=False, index=True),
    Column("order_id", String, nullable=False),
    # What it was decided on, see `Basis`.
    Column("basis", String, nullable=False),
    Column("decision", Integer, nullable=False),
    Column("decided_at", Float, nullable=False),
    # The message that it follows from, see `causes`.
    Column("cause", String, nullable=False, index=True),
    # False until a report that time brought is durable at the broker.
    Column("announced", Boolean, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Index("reports_of_slide", "slide_id", "order_id"),
)
