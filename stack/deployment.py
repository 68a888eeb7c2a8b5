"""Frottis as a hospital runs it: each service its own process, over real servers, on this machine."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from types import MappingProxyType

from services.embedded.assembly import Address
from services.embedded.demo import Engine
from services.kit.database import Database
from services.kit.kafka import KafkaTransport
from services.kit.objects import Objects
from services.review.worklist import METADATA, Worklist
from stack.frottis import SERVICES, FrottisService
from stack.ports import free_port
from stack.processes import ServerFailed
from stack.prometheus import WATCHFUL, Pace, Prometheus
from stack.servers import Servers, started

Tell = Callable[[str], None]

ONE_OF_EACH: Mapping[str, int] = MappingProxyType({})


class Deployment:
    """The servers, the services, and a Prometheus, between a share and a LIS; nothing runs yet.

    `replicas` tells of which services there are several. Prometheus asks the first of each, as often as `asked` says.
    Raises ServerMissing.
    """

    def __init__(
        self,
        folder: Path,
        share: Path,
        lis: Address,
        replicas: Mapping[str, int] = ONE_OF_EACH,
        *,
        asked: Pace = WATCHFUL,
    ) -> None:
        self.folder = folder
        self.servers = Servers(folder)
        self.orders = Address("127.0.0.1", free_port())
        self._places = {
            "ingestion": {"FROTTIS_INGESTION_SHARE": str(share)},
            "lis": {
                "FROTTIS_LIS_LIS_HOST": lis.host,
                "FROTTIS_LIS_LIS_PORT": str(lis.port),
                "FROTTIS_LIS_LISTEN_HOST": self.orders.host,
                "FROTTIS_LIS_LISTEN_PORT": str(self.orders.port),
            },
        }
        self.services = {name: self.replica(name) for name in SERVICES}
        self.further = [self.replica(name, number) for name in replicas for number in range(2, replicas[name] + 1)]
        ports = {name: service.operations_port for name, service in self.services.items()}
        targets = {**ports, "triton": self.servers.triton.ports.metrics}
        self.prometheus = Prometheus(folder / "prometheus", targets, asked)

    def replica(self, service: str, number: int = 1) -> FrottisService:
        """A process of the service, not yet started; all but the first of `lis` take orders on ports of their own."""
        environment = {**self.servers.environment(service), **self._places.get(service, {})}
        if service == "lis" and number > 1:
            environment["FROTTIS_LIS_LISTEN_PORT"] = str(free_port())
        return FrottisService(service, self.folder / "services", environment, number)

    @contextmanager
    def running(self, tell: Tell) -> Iterator[Engine]:
        """All of it at work. Raises ServerFailed, SettingsError."""
        since = _Stopwatch()
        with ExitStack() as opened:
            opened.callback(lambda: tell(f"everything is stopped ({since.lap()})"))
            opened.enter_context(started(*self.servers.all, self.prometheus))
            tell(f"up: {', '.join(self._addresses())} ({since.lap()})")
            self.servers.prepare()
            tell(f"topics made, roles and tables made ({since.lap()})")
            opened.enter_context(started(*self.services.values(), *self.further))
            tell(f"ready: {', '.join(self._operations())} ({since.lap()})")
            engine = self._engine(opened)
            opened.callback(since.lap)
            yield engine

    def _engine(self, opened: ExitStack) -> Engine:
        database = Database.on_server(self.servers.postgres.settings("frottis_review"), "review", METADATA)
        opened.callback(database.close)
        transport = KafkaTransport(self.servers.kafka_settings())
        opened.callback(transport.close)
        objects = Objects.in_bucket(self.servers.s3.settings())
        return Engine(self.orders, Worklist(database), objects, self._wait, transport.waiting)

    def _wait(self, seconds: float) -> None:
        """Raises ServerFailed when a process has ended by itself."""
        servers = (self.servers.kafka, self.servers.postgres, self.servers.triton.process, self.servers.s3)
        for process in (*self.services.values(), *self.further, *servers):
            if not process.running:
                raise ServerFailed(f"{process.name} ended by itself:\n{process.log_tail()}")
        Event().wait(seconds)

    def _addresses(self) -> Iterator[str]:
        servers = self.servers
        yield f"Kafka {servers.kafka.secure_servers}"
        yield f"PostgreSQL 127.0.0.1:{servers.postgres.port}"
        yield f"Triton {servers.triton.address}"
        yield f"S3 127.0.0.1:{servers.s3.port}"
        yield f"Prometheus {self.prometheus.url}"

    def _operations(self) -> Iterator[str]:
        for name, service in self.services.items():
            yield f"{name} http://127.0.0.1:{service.operations_port}/readyz"


class _Stopwatch:
    def __init__(self) -> None:
        self._since = time.monotonic()

    def lap(self) -> str:
        """The seconds since the last lap."""
        before, self._since = self._since, time.monotonic()
        return f"{self._since - before:.1f} s"
