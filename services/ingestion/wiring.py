"""Build the ingestion service."""

import structlog

from services.ingestion.handlers import IngestionHandlers
from services.ingestion.pixels import PixelStore
from services.ingestion.reading import SlideReader
from services.ingestion.retention import TileRetention
from services.ingestion.settings import IngestionSettings
from services.ingestion.store import Stores
from services.ingestion.tables import LEASES, METADATA
from services.ingestion.watcher import Watcher
from services.kit.database import Database
from services.kit.errors import TransientError
from services.kit.lease import BEAT_AFTER, Lease
from services.kit.service import Resources, Service, Subscription, Timer
from services.kit.transport import each

PRUNE_EVERY_S = 600.0
# A replica that got no further for so long hangs, on a share that does not answer perhaps: another does its work.
HANGS_S = 300.0

log = structlog.get_logger()


def build(settings: IngestionSettings, resources: Resources) -> Service:
    """The watch on the share, the reading of what it admits, and the removal of old tiles."""
    database = resources.database("ingestion", METADATA)
    clock, metrics = resources.clock, resources.metrics
    polling = _lease(database, "share", settings.takeover_s, resources)
    pruning = _lease(database, "tiles", 2 * PRUNE_EVERY_S, resources)
    watcher = Watcher(settings, Stores(database, polling.require), polling, clock, metrics)
    reader = SlideReader(settings, PixelStore(resources.objects, database), clock, metrics)
    handlers = IngestionHandlers(settings, Stores(database), reader, clock)
    retention = TileRetention(resources.objects, database, pruning, clock, metrics, settings.keep_days)

    def close() -> None:
        for lease in (polling, pruning):
            _give_back(lease)
        database.close()

    return Service(
        name="ingestion",
        subscriptions=(
            Subscription("orders", each(handlers.orders)),
            Subscription("scans", each(handlers.scans)),
            Subscription("requests", each(handlers.requests)),
            Subscription("deliveries", each(retention.deliveries)),
        ),
        timers=(
            Timer("share", settings.poll_s, watcher.poll, watcher.sent),
            Timer("share lease", settings.takeover_s * BEAT_AFTER, polling.renew),
            Timer("old tiles", PRUNE_EVERY_S, retention.prune),
        ),
        readiness={"share": watcher.unreachable},
        close=close,
    )


def _lease(database: Database, work: str, patience_s: float, resources: Resources) -> Lease:
    exclusive = database.exclusive
    return Lease(database, LEASES, work, patience_s, resources.clock, exclusive=exclusive, hangs_s=HANGS_S)


def _give_back(lease: Lease) -> None:
    try:
        lease.give_back()
    except TransientError as error:
        log.warning("not given back, so that others wait for it", reason=str(error))
