"""The tables of the reasoning service. Moments are unix seconds."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table

METADATA = MetaData()

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
    # False until a report that time brought is durable at the broker.
    Column("announced", Boolean, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Index("reports_of_slide", "slide_id", "order_id"),
)
