"""Tiles in the object store: written while a slide is read."""

from services.ingestion.tables import PIXELS
from services.kit.database import Database, upsert
from services.kit.objects import Objects


class PixelStore:
    """The tiles `slides/<slide>/tiles/…`. Crops and cells beside them belong to the services that write them."""

    def __init__(self, objects: Objects, database: Database) -> None:
        self._objects = objects
        self._database = database

    def begin(self, slide_id: str) -> None:
        """The slide is read now: its tiles are young."""
        with self._database.transaction() as connection:
            upsert(connection, PIXELS, {"slide_id": slide_id, "age_s": 0.0})

    def put(self, slide_id: str, tile_id: str, jpeg: bytes) -> str:
        """Store a tile; returns its URI. Raises TransientError (disk full, store away)."""
        return self._objects.put(f"{tiles_of(slide_id)}/{tile_id}.jpg", jpeg, passing=True)


def tiles_of(slide_id: str) -> str:
    """The folder of the slide's tiles in the object store."""
    return f"slides/{slide_id}/tiles"
