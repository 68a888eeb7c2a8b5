"""The servers that the services stand on, and how a service finds them."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from services.kit.kafka import KafkaSettings, ensure_topics
from stack.kafka import Kafka, User
from stack.postgres import Postgres
from stack.processes import ServerFailed
from stack.s3 import S3Server
from stack.triton import TritonServer


class Server(Protocol):
    """What can be started beside others."""

    def launch(self) -> None: ...
    def wait_until_ready(self) -> None: ...
    def terminate(self) -> None: ...
    def stop(self) -> None: ...


class Servers:
    """Kafka, PostgreSQL, Triton with the committed models, and S3, with their data in `folder`.

    Raises ServerMissing when one of them cannot be had here.
    """

    def __init__(self, folder: Path) -> None:
        self.kafka = Kafka(folder / "kafka", User("frottis", secrets.token_urlsafe(24)))
        self.postgres = Postgres(folder / "postgres")
        self.triton = TritonServer(folder / "triton")
        self.s3 = S3Server(folder / "s3")

    @property
    def all(self) -> list[Server]:
        return [self.kafka, self.postgres, self.triton, self.s3]

    def prepare(self) -> None:
        """Make what a deployment makes before its services start: topics, roles, tables. Raises ServerFailed."""
        drifts = ensure_topics(self.kafka_settings())
        if drifts:
            raise ServerFailed(f"Kafka did not make the topics as asked: {'; '.join(map(str, drifts))}")
        self.postgres.prepare()

    def kafka_settings(self) -> KafkaSettings:
        """How this process finds Kafka."""
        return KafkaSettings.load(**self.kafka.given())

    def environment(self, service: str) -> Mapping[str, str]:
        """How a service finds them all."""
        return {
            "FROTTIS_PROCESS_TRANSPORT": "kafka",
            **{f"FROTTIS_KAFKA_{name.upper()}": str(value) for name, value in self.kafka.given().items()},
            **self.s3.environment(),
            **(self.postgres.environment(f"frottis_{service}") if service != "analysis" else {}),
            **({"FROTTIS_ANALYSIS_TRITON": self.triton.address} if service == "analysis" else {}),
        }


@contextmanager
def started(*servers: Server) -> Iterator[None]:
    """Within, all are up; they start beside each other, and end beside each other. Raises ServerFailed."""
    with ExitStack() as stopping:
        stopping.callback(_stop, servers)
        for server in servers:
            server.launch()
        for server in servers:
            server.wait_until_ready()
        yield


def _stop(servers: tuple[Server, ...]) -> None:
    with ExitStack() as each:
        for server in servers:
            each.callback(server.stop)
        for server in servers:
            server.terminate()
