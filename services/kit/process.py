"""A process of Frottis: some services over one state folder, with their transport, resources and operations server."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from sqlalchemy import MetaData

from services.kit.clock import SystemClock
from services.kit.database import Database
from services.kit.http import OperationsServer, operations_app
from services.kit.local_log import LocalLog
from services.kit.objects import Objects
from services.kit.runner import Runner
from services.kit.service import Resources, Service, Timer
from services.kit.settings import Settings
from services.kit.telemetry import Metrics, configure_logging
from services.kit.transport import Outgoing

QUEUE_GAUGES_EVERY_S = 2.0

Build = Callable[[Resources], Service]


class ProcessSettings(Settings):
    """Settings of any process of Frottis, from `FROTTIS_PROCESS_…`."""

    model_config = SettingsConfigDict(env_prefix="FROTTIS_PROCESS_")

    state: Path = Field(description="folder for state, messages and pixels; made when absent")
    operations_host: str = Field("127.0.0.1", description="host name to serve /healthz, /readyz and /metrics on")
    operations_port: int = Field(0, ge=0, lt=2**16, description="TCP port for them; 0 takes a free one")


class Process:
    """Builds the services over the state folder. `start` them, then `close`."""

    def __init__(self, settings: ProcessSettings, builds: Sequence[Build]) -> None:
        state = settings.state
        self.log = LocalLog(state / "messages.db")
        self.metrics = Metrics()
        objects = Objects.in_folder(state / "objects")

        def database(name: str, metadata: MetaData) -> Database:
            return Database.in_file(state / f"{name}.db", metadata)

        resources = Resources(SystemClock(), self.metrics, objects, database)
        services = [build(resources) for build in builds]
        self.services = {service.name: service for service in services}
        app = operations_app(services, self.metrics, lambda: not self.runner.failed)
        self.operations = OperationsServer(app, settings.operations_host, settings.operations_port)
        own = Service("process", timers=(self._queue_gauges(),), tasks={"operations": self.operations})
        self.runner = Runner([*services, own], self.log, resources)

    def start(self) -> None:
        """Start every service in threads of its own."""
        self.runner.start()

    def close(self) -> None:
        """Stop every thread after the batch it is on; raises what one of them failed of."""
        self.runner.stop()
        try:
            self.runner.wait()
        finally:
            self.log.close()

    def _queue_gauges(self) -> Timer:
        def measure() -> Iterable[Outgoing]:
            self.metrics.queue.clear()
            for (group, topic), waiting in self.log.waiting().items():
                self.metrics.queue.labels(group, topic).set(waiting)
            return ()

        return Timer("queue gauges", QUEUE_GAUGES_EVERY_S, measure)


def serve(build: Build) -> None:
    """Run one service as a process of its own, until SIGINT or SIGTERM. Raises SettingsError, a defect."""
    configure_logging()
    process = Process(ProcessSettings.load(), [build])
    stop = threading.Event()
    with stopped_by_signals(stop):
        process.start()
        while not (stop.is_set() or process.runner.stopping.is_set()):
            stop.wait(1.0)
        process.close()


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Within, the first SIGINT or SIGTERM sets `stop`; the second kills."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
