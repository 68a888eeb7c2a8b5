"""Tiles in the object store: written while a slide is read, removed when it is old."""

from collections.abc import Iterable

import structlog
from sqlalchemy import delete, exists, select, update

from services.ingestion.tables import PIXELS, ROUNDS
from services.kit.clock import Clock
from services.kit.database import Database, upsert
from services.kit.errors import TransientError
from services.kit.objects import Objects
from services.kit.transport import Outgoing

DAY_S = 86_400.0
# A tile of a slide that came to no reading may still be under way to analysis: topics.yaml keeps it for 24 h.
UNREAD_S = DAY_S

log = structlog.get_logger()


class PixelStore:
    """The tiles `slides/<slide>/tiles/…`. Crops and cells beside them belong to the services that write them.

    Age is counted in monotonic time while Frottis is at work: a clock set forward removes nothing.
    """

    def __init__(self, objects: Objects, database: Database, clock: Clock) -> None:
        self._objects = objects
        self._database = database
        self._clock = clock
        self._aged_at = clock.monotonic()
        self._problem: str | None = None

    def problem(self) -> str | None:
        """Why the last tile could not be stored; None when it could."""
        return self._problem

    def begin(self, slide_id: str) -> None:
        """The slide is read now: its tiles are young."""
        with self._database.transaction() as connection:
            upsert(connection, PIXELS, {"slide_id": slide_id, "age_s": 0.0})

    def put(self, slide_id: str, tile_id: str, jpeg: bytes) -> str:
        """Store a tile; returns its URI. Raises TransientError (disk full, store away)."""
        try:
            uri = self._objects.put(f"{_tiles_of(slide_id)}/{tile_id}.jpg", jpeg)
        except TransientError as error:
            self._problem = str(error)
            raise
        self._problem = None
        return uri

    def prune(self, keep_days: float) -> Iterable[Outgoing]:
        """Remove the tiles of slides read more than `keep_days` ago, and of slides whose reading came to nothing."""
        self._age()
        for slide_id in self._expired(keep_days * DAY_S):
            uris = self._objects.list(_tiles_of(slide_id))
            self._objects.delete(uris)
            with self._database.transaction() as connection:
                connection.execute(delete(PIXELS).where(PIXELS.c.slide_id == slide_id))
            log.info("tiles removed", slide=slide_id, tiles=len(uris))
        return ()

    def _age(self) -> None:
        now = self._clock.monotonic()
        with self._database.transaction() as connection:
            connection.execute(update(PIXELS).values(age_s=PIXELS.c.age_s + (now - self._aged_at)))
        self._aged_at = now

    def _expired(self, keep_s: float) -> list[str]:
        unread = ~exists().where(ROUNDS.c.slide_id == PIXELS.c.slide_id)
        old = (PIXELS.c.age_s >= keep_s) | ((PIXELS.c.age_s >= UNREAD_S) & unread)
        with self._database.transaction() as connection:
            return list(connection.execute(select(PIXELS.c.slide_id).where(old)).scalars())


def _tiles_of(slide_id: str) -> str:
    return f"slides/{slide_id}/tiles"
