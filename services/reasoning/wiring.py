"""Build the reasoning service."""

from services.kit.service import Resources, Service, Subscription, Timer
from services.kit.transport import each
from services.reasoning.deciding import ReportWriter
from services.reasoning.handlers import ReasoningHandlers
from services.reasoning.knowledge import load_knowledge
from services.reasoning.settings import ReasoningSettings
from services.reasoning.tables import METADATA

FORGET_EVERY_S = 3600.0
TILES_PER_BATCH = 8


def build(settings: ReasoningSettings, resources: Resources) -> Service:
    """The service that turns cells into reports. Raises TablesInvalid, RulesInvalid: bad rules do not start."""
    database = resources.database("reasoning", METADATA)
    writer = ReportWriter(load_knowledge(settings.rules), resources.objects)
    handlers = ReasoningHandlers(database, writer, resources.clock, resources.metrics, settings)
    return Service(
        name="reasoning",
        subscriptions=(
            Subscription("scans", each(handlers.scans)),
            Subscription("orders", each(handlers.orders)),
            Subscription("readings", each(handlers.readings)),
            Subscription("cells", each(handlers.cells), TILES_PER_BATCH),
        ),
        timers=(
            Timer("deadline guard", settings.guard_every_s, handlers.guard, handlers.announced),
            Timer("forgetting", FORGET_EVERY_S, handlers.forget),
        ),
        close=database.close,
    )
