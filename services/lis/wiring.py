"""Build the LIS gateway."""

from datetime import timedelta
from threading import Event
from zoneinfo import ZoneInfo

from services.kit.lease import TRUSTED, Lease
from services.kit.service import Resources, Service, Subscription, Timer
from services.kit.transport import each
from services.lis.events import Events
from services.lis.handlers import LisHandlers
from services.lis.hl7.header import Envelope, Party
from services.lis.intake import Intake
from services.lis.mllp import tls
from services.lis.mllp.client import Line
from services.lis.mllp.conversation import Limits
from services.lis.mllp.server import Server
from services.lis.orders.store import OrderStore
from services.lis.outbox.ledger import Ledger
from services.lis.outbox.sender import Sender
from services.lis.outbox.store import OutboxStore
from services.lis.outbox.turns import Turns
from services.lis.reports.codes import read_codes
from services.lis.reports.writer import OruWriter
from services.lis.retention import Retention
from services.lis.settings import LisSettings
from services.lis.tables import LEASES, METADATA

NAME = "lis"
# Tasks of the service; the server tells the port it was given as `address`.
SERVER, SENDER = "mllp-server", "sender"
# What this replica notes is told at once; so often it looks for what one that died has noted.
_EVENTS_EVERY_S, _GAUGES_EVERY_S, _FORGET_EVERY_S = 5.0, 10.0, 3600.0


def build(settings: LisSettings, resources: Resources) -> Service:
    """The service that takes orders and sends reports. Raises CodesError, SettingsError, TransientError."""
    database = resources.database(NAME, METADATA)
    patience_s = settings.lease_s / TRUSTED
    lease = Lease(database, LEASES, "sending", patience_s, resources.clock, exclusive=database.exclusive)
    outbox = OutboxStore(database, resources.metrics, lease.require)
    orders, events = OrderStore(database), Events(database)
    retention = Retention(database, resources.clock, settings.keep_days)
    server = _server(settings, orders, resources)
    ledger = Ledger(outbox, resources.clock, resources.metrics, timedelta(seconds=settings.refused_s))
    sender = _sender(settings, ledger, lease, resources)
    writer = OruWriter(_envelope(settings), read_codes())
    handlers = LisHandlers(orders, outbox, writer, resources.clock, sender.wake)
    return Service(
        name=NAME,
        subscriptions=(Subscription("reports", each(handlers.reports), on_poison=handlers.unsendable),),
        timers=(
            Timer("lis events", _EVENTS_EVERY_S, events.unsent, events.sent, events.wake),
            Timer("sender lease", settings.lease_s / 4, lease.renew),
            Timer("outbox gauges", _GAUGES_EVERY_S, ledger.measure),
            Timer("forgetting", _FORGET_EVERY_S, retention.forget),
        ),
        tasks={SERVER: server, SENDER: sender},
        readiness={"lis": lambda: sender.trouble, "orders": lambda: _listening(server.listening)},
        close=database.close,
    )


def _server(settings: LisSettings, orders: OrderStore, resources: Resources) -> Server:
    zone = ZoneInfo(settings.time_zone)
    intake = Intake(orders, resources.clock, resources.metrics, settings.processing_id, zone)
    limits = Limits(settings.message_bytes, settings.listen_idle_s, settings.listen_connections)
    return Server(settings.listen_host, settings.listen_port, limits, intake.answer, tls.for_orders(settings))


def _sender(settings: LisSettings, ledger: Ledger, lease: Lease, resources: Resources) -> Sender:
    clock = resources.clock
    line = Line(
        settings.lis_host,
        settings.lis_port,
        connect_timeout_s=settings.connect_timeout_s,
        clock=clock,
        tls=tls.towards_lis(settings),
    )
    turns = Turns(clock, settings.retry_first_s, settings.retry_longest_s)
    tracer = resources.tracing.of(NAME)
    return Sender(ledger, line, turns, lease, clock=clock, ack_timeout_s=settings.ack_timeout_s, tracer=tracer)


def _envelope(settings: LisSettings) -> Envelope:
    return Envelope(
        sender=Party(settings.application, settings.facility),
        receiver=Party(settings.lis_application, settings.lis_facility),
        processing_id=settings.processing_id,
    )


def _listening(listening: Event) -> str | None:
    return None if listening.is_set() else "the port for orders is not open yet"
