"""A process of Frottis: some services over their transport, with their resources and operations server."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import structlog
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.kit.clock import SystemClock
from services.kit.database_settings import DatabaseSettings
from services.kit.databases import Databases
from services.kit.disk import short_of_room
from services.kit.exits import told
from services.kit.http import OperationsServer, operations_app
from services.kit.lock import locked
from services.kit.object_settings import ObjectSettings
from services.kit.objects import Objects
from services.kit.runner import Runner
from services.kit.service import Resources, Service
from services.kit.settings import Settings
from services.kit.telemetry import Metrics, configure_logging
from services.kit.tracing.opening import open_tracing
from services.kit.tracing.settings import TracingSettings
from services.kit.upkeep import gauges, looking
from services.kit.wires import TransportName, Wire, open_wire

Build = Callable[[Resources], Service]
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = structlog.get_logger()


class ProcessSettings(Settings):
    """Settings of any process of Frottis, from `FROTTIS_PROCESS_…`."""

    model_config = SettingsConfigDict(env_prefix="FROTTIS_PROCESS_")

    state: Path = Field(
        description="folder of this process' own, made when absent: for locks, and for state, messages and pixels "
        "unless they are kept elsewhere"
    )
    transport: TransportName = Field(
        "local", description="how services meet: local is a log in the state folder, kafka needs FROTTIS_KAFKA_…"
    )
    operations_host: str = Field("127.0.0.1", description="host name to serve /healthz, /readyz and /metrics on")
    operations_port: int = Field(0, ge=0, lt=2**16, description="TCP port for them; 0 takes a free one")
    stop_s: float = Field(20.0, gt=0, description="s that a stop waits for work under way; the rest is done again")
    stuck_s: float = Field(900.0, gt=0, description="s on one batch after which /healthz asks for a new start")
    dead_letters_keep_days: float = Field(90.0, gt=0, description="days after which dead letters are removed")


class Process:
    """Builds the services, by name, as the settings say. `start` them, then `close`.

    Raises StateInUse when one of them already runs on this folder, SettingsError, StateUnusable.
    """

    def __init__(self, settings: ProcessSettings, builds: Mapping[str, Build]) -> None:
        self._stop_s = settings.stop_s
        self._stuck_s = settings.stuck_s
        self.metrics = Metrics()
        with ExitStack() as opened:
            opened.enter_context(locked(settings.state, builds))
            clock = SystemClock()
            tracing = open_tracing(TracingSettings.load(), self.metrics)
            opened.callback(tracing.close)
            wire = open_wire(settings.transport, settings.state, settings.dead_letters_keep_days, clock)
            self.transport = wire.transport
            opened.callback(self.transport.close)
            self._databases = Databases(settings.state, DatabaseSettings.load())
            self.objects = Objects.of(ObjectSettings.load(), settings.state)
            resources = Resources(clock, self.metrics, self.objects, self._databases.open, tracing)
            self.services = {name: _built(build, resources, opened) for name, build in builds.items()}
            own = self._own_service(settings, wire, opened)
            self.runner = Runner([*self.services.values(), own], self.transport, resources)
            self._opened = opened.pop_all()

    def start(self) -> None:
        """Start every service in threads of its own."""
        self.runner.start()

    def close(self) -> None:
        """Stop every thread after the batch it is on, and raise what one of them failed of.

        What is not done in time is left as it is: it was not committed and is done again at the next start. Then
        nothing is closed under the threads that still work, and the end of the process ends them.
        """
        self.runner.stop()
        working = self.runner.join(self._stop_s)
        if working:
            log.warning("stopped in the middle of work, which the next start does again", threads=working)
        else:
            self._opened.close()
        if self.runner.failure is not None:
            raise self.runner.failure

    def _own_service(self, settings: ProcessSettings, wire: Wire, opened: ExitStack) -> Service:
        """Gauges, upkeep, and the operations server, which asks all services."""
        timers = (gauges(wire.transport, self.services.keys(), self.metrics), looking(self.objects), *wire.timers)
        checks: Mapping[str, Callable[[], str | None]] = {
            "life": self._stopping,
            "disk": partial(short_of_room, settings.state),
            "database": self._databases.problem,
            "objects": self.objects.problem,
            **wire.readiness,
        }
        life = Service("process", readiness=checks)
        app = operations_app([*self.services.values(), life], self.metrics, self._ailing)
        self.operations = OperationsServer(app, settings.operations_host, settings.operations_port)
        opened.callback(self.operations.close)
        return Service("process", timers=timers, tasks={"operations": self.operations})

    def _stopping(self) -> str | None:
        return "the process is stopping" if self.runner.stopping.is_set() else None

    def _ailing(self) -> str | None:
        if self.runner.failure is not None:
            return "stopped by a defect"
        stuck = self.runner.stuck(self._stuck_s)
        return f"no end for {self._stuck_s:g} s of: {', '.join(stuck)}" if stuck else None


def _built(build: Build, resources: Resources, opened: ExitStack) -> Service:
    service = build(resources)
    opened.callback(service.close)
    return service


def serve(name: str, build: Build) -> None:
    """Run the service `name` as a process of its own, until SIGINT or SIGTERM; the end of a program's main.

    `build` also loads its settings, so that a wrong one is told as any failure is: a sentence and an exit code.
    """
    configure_logging()
    stop = threading.Event()
    with told(f"frottis {name}"), stopped_by_signals(stop):
        process = Process(ProcessSettings.load(), {name: build})
        try:
            process.start()
            while not (stop.is_set() or process.runner.stopping.is_set()):
                stop.wait(1.0)
        finally:
            process.close()


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Within, the first SIGINT or SIGTERM sets `stop`; the second, of either kind, kills."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
