"""Build the ingestion service."""

from functools import partial

from services.ingestion.handlers import IngestionHandlers
from services.ingestion.pixels import PixelStore
from services.ingestion.reading import SlideReader
from services.ingestion.settings import IngestionSettings
from services.ingestion.store import Stores
from services.ingestion.tables import METADATA
from services.ingestion.watcher import Watcher
from services.kit.service import Resources, Service, Subscription, Timer
from services.kit.transport import each

PRUNE_EVERY_S = 600.0


def build(settings: IngestionSettings, resources: Resources) -> Service:
    """The watch on the share, the reading of what it admits, and the removal of old tiles."""
    database = resources.database("ingestion", METADATA)
    stores = Stores(database)
    pixels = PixelStore(resources.objects, database, resources.clock)
    watcher = Watcher(settings, stores, resources.clock, resources.metrics)
    reader = SlideReader(settings, pixels, resources.clock, resources.metrics)
    handlers = IngestionHandlers(settings, stores, reader, resources.clock)
    return Service(
        name="ingestion",
        subscriptions=(
            Subscription("orders", each(handlers.orders)),
            Subscription("scans", each(handlers.scans)),
            Subscription("requests", each(handlers.requests)),
        ),
        timers=(
            Timer("share", settings.poll_s, watcher.poll, watcher.sent),
            Timer("old tiles", PRUNE_EVERY_S, partial(pixels.prune, settings.keep_days)),
        ),
        readiness={"share": watcher.unreachable, "pixels": pixels.problem},
        close=database.close,
    )
