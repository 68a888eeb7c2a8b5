"""Which tiles are removed, and when; evidence crops and lists of cells are never.

A slide that waits for an order, for the LIS or for a person keeps its tiles, however long that takes: they go when the
LIS acknowledged values of it long ago. Tiles of a reading that came to nothing, as of a scan that was replaced while it
was read, go once no message can name them and no scan is that slide.
"""

from collections.abc import Iterable

import structlog
from sqlalchemy import ColumnElement, delete, exists, select, update

from services.ingestion.pixels import tiles_of
from services.ingestion.tables import PIXELS, ROUNDS, SCANS
from services.kit.clock import Clock
from services.kit.contracts import Decision, Delivery, DeliveryState, ScanState
from services.kit.database import Database
from services.kit.lease import Lease
from services.kit.objects import Objects
from services.kit.telemetry import Metrics
from services.kit.topics import topics
from services.kit.transport import Outgoing

HOUR_S, DAY_S = 3600.0, 86_400.0
# Slides whose tiles are removed before the next are looked up.
PART = 100

log = structlog.get_logger()


class TileRetention:
    """Age is counted in monotonic time while Frottis works, by one replica: a clock set forward removes nothing."""

    def __init__(
        self, objects: Objects, database: Database, lease: Lease, clock: Clock, metrics: Metrics, keep_days: float
    ) -> None:
        self._objects = objects
        self._database = database
        self._lease = lease
        self._clock = clock
        self._metrics = metrics
        self._keep_s = keep_days * DAY_S
        # Since when this replica counts (monotonic, s); None while another does.
        self._aged_at: float | None = None

    def deliveries(self, delivery: Delivery) -> Iterable[Outgoing]:
        """Values that the LIS has end a slide for good; a notice that it is held does not. Raises TransientError."""
        acknowledged = delivery.state == DeliveryState.DELIVERY_STATE_ACKNOWLEDGED
        if acknowledged and delivery.decision == Decision.DECISION_RELEASED:
            ends = (PIXELS.c.slide_id == delivery.slide.slide_id) & ~PIXELS.c.ended
            with self._database.transaction() as connection:
                connection.execute(update(PIXELS).where(ends).values(ended=True, age_s=0.0))
        return ()

    def prune(self) -> Iterable[Outgoing]:
        """A timer's work: remove what is old enough. Sends nothing.

        Raises TransientError while the object store or the database is away; the rest is removed at the next turn.
        """
        if self._lease.take():
            self._age()
            while old := self._old():
                for slide_id in old:
                    self._remove(slide_id)
        else:
            self._aged_at = None
        return ()

    def _age(self) -> None:
        now = self._clock.monotonic()
        elapsed = 0.0 if self._aged_at is None else now - self._aged_at
        with self._database.transaction() as connection:
            self._lease.require(connection)
            connection.execute(update(PIXELS).values(age_s=PIXELS.c.age_s + elapsed))
        self._aged_at = now

    def _old(self) -> list[str]:
        query = select(PIXELS.c.slide_id).where(self._is_old()).order_by(PIXELS.c.slide_id).limit(PART)
        with self._database.transaction() as connection:
            return list(connection.execute(query).scalars())

    def _is_old(self) -> ColumnElement[bool]:
        message_s = topics()["tiles"].retention_h * HOUR_S
        read = exists().where(ROUNDS.c.slide_id == PIXELS.c.slide_id)
        here = SCANS.c.state != ScanState.SCAN_STATE_REFUSED
        scanned = exists().where((SCANS.c.slide_id == PIXELS.c.slide_id) & here)
        ended = PIXELS.c.ended & (PIXELS.c.age_s >= self._keep_s)
        return ended | (~read & ~scanned & (PIXELS.c.age_s >= message_s))

    def _remove(self, slide_id: str) -> None:
        """Remove the slide's tiles, and then that they are there: what a crash leaves is removed the next time."""
        tiles = 0
        for page in self._objects.pages(tiles_of(slide_id)):
            self._objects.delete(page)
            self._metrics.tiles_removed.inc(len(page))
            tiles += len(page)
        with self._database.transaction() as connection:
            connection.execute(delete(PIXELS).where((PIXELS.c.slide_id == slide_id) & self._is_old()))
        log.info("tiles removed", slide=slide_id, tiles=tiles)
