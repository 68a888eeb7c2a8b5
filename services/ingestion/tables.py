"""The tables of ingestion. Moments are unix seconds."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String, Table

from services.kit.lease import leases_in
from services.kit.migrations import tables_of

METADATA = tables_of(__file__)
SCANS = Table(
    "scans",
    METADATA,
    Column("name", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    # When this fingerprint was first seen: the moment the scan was complete, if it is.
    Column("still_since", Float, nullable=False),
    Column("state", Integer, nullable=False, index=True),
    Column("slide_id", String, nullable=False, index=True),
    Column("specimen", String, nullable=False, index=True),
    Column("message", LargeBinary, nullable=False),
    Column("announced", Boolean, nullable=False, index=True),
    # Name of the scan that this one is a copy of, and whether that one is another slide by now, or none.
    Column("copy_of", String, nullable=False, index=True),
    Column("orphaned", Boolean, nullable=False, index=True),
    # The how-manieth record of any scan this is: what was recorded since a look has a higher number.
    Column("serial", BigInteger, nullable=False, index=True),
)
LEASES = leases_in(METADATA)
ROUNDS = Table(
    "rounds",
    METADATA,
    Column("slide_id", String, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("reading", LargeBinary, nullable=False),
)
TILES = Table(
    "tiles",
    METADATA,
    Column("slide_id", String, primary_key=True),
    Column("round", Integer, primary_key=True),
    # The place in the order in which the round's tiles were cut.
    Column("place", Integer, primary_key=True),
    Column("tile", LargeBinary, nullable=False),
)
# Which word on which scan a slide's first round answered.
ANSWERED = Table(
    "answered",
    METADATA,
    Column("slide_id", String, primary_key=True),
    Column("name", String, nullable=False, index=True),
    Column("revision", BigInteger, nullable=False),
)
# Rounds that were given up, as the scan changed while it was read.
GIVEN_UP = Table(
    "given_up",
    METADATA,
    Column("slide_id", String, primary_key=True),
    Column("name", String, nullable=False, index=True),
    Column("times", Integer, nullable=False),
    # Since a round of this scan succeeded.
    Column("in_a_row", Integer, nullable=False),
)
ORDERS = Table(
    "orders",
    METADATA,
    Column("order_id", String, primary_key=True),
    Column("specimen", String, nullable=False, index=True),
    Column("revision", BigInteger, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("leukocytes", Integer, nullable=False),
    Column("cancelled", Boolean, nullable=False),
)
PIXELS = Table(
    "pixels",
    METADATA,
    Column("slide_id", String, primary_key=True),
    # Seconds of Frottis at work since the slide was last read, or since it ended: no clock that is set can age it.
    Column("age_s", Float, nullable=False),
    # The LIS has acknowledged values of the slide.
    Column("ended", Boolean, nullable=False, default=False),
)
