"""Build the ingestion service."""

from services.ingestion.handlers import IngestionHandlers
from services.ingestion.reading import SlideReader
from services.ingestion.settings import IngestionSettings
from services.ingestion.store import METADATA, ScanStore
from services.ingestion.watcher import Watcher
from services.kit.service import Resources, Service, Subscription, Timer
from services.kit.transport import each


def build(settings: IngestionSettings, resources: Resources) -> Service:
    """The watch on the share, and the reading of what it admits."""
    database = resources.database("ingestion", METADATA)
    store = ScanStore(database)
    watcher = Watcher(settings, store, resources.clock, resources.metrics)
    reader = SlideReader(settings, resources.objects, resources.clock, resources.metrics)
    handlers = IngestionHandlers(settings, store, reader)
    return Service(
        name="ingestion",
        subscriptions=(
            Subscription("orders", each(handlers.orders)),
            Subscription("scans", each(handlers.scans)),
            Subscription("requests", each(handlers.requests)),
        ),
        timers=(Timer("share", settings.poll_s, watcher.poll, watcher.sent),),
        readiness={"share": watcher.unreachable},
        close=database.close,
    )
