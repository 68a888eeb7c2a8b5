import itertools
from dataclasses import replace

import pytest
from kafka import KafkaProducer

from services.kit.kafka import KafkaSettings, KafkaTransport, ensure_topics
from services.kit.topics import topics
from stack.kafka import Kafka, KafkaMissing, User

NAMES = ("orders", "requests", "tiles")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    try:
        server = Kafka(tmp_path_factory.mktemp("kafka"), User("frottis", "correct horse battery"))
    except KafkaMissing as missing:
        pytest.skip(str(missing))
    with server:
        yield server


class Cluster:
    """A deployment of its own on the shared broker: its topics and groups stand behind a prefix that no other has."""

    def __init__(self, server: Kafka, prefix: str, partitions: int) -> None:
        self.server = server
        self.prefix = prefix
        # Some of the topics, of few partitions: a broker needs its time to make one.
        self.registry = {name: replace(topics()[name], partitions=partitions) for name in NAMES}
        self.opened: list[KafkaTransport] = []
        ensure_topics(self.settings(), self.registry)

    def settings(self, **given) -> KafkaSettings:
        usual = {
            "bootstrap_servers": self.server.bootstrap_servers,
            "prefix": self.prefix,
            "replication": 1,
            "security_protocol": "PLAINTEXT",
            "session_timeout_s": 3.0,
            "poll_interval_s": 6.0,
            "idle_s": 1.0,
            "drain_s": 4.0,
            "delivery_timeout_s": 4.0,
        }
        return KafkaSettings(**{**usual, **given})

    def open(self, **given) -> KafkaTransport:
        self.opened.append(KafkaTransport(self.settings(**given), self.registry))
        return self.opened[-1]

    def put(self, topic: str, key: str, value: bytes) -> None:
        producer = KafkaProducer(bootstrap_servers=self.server.bootstrap_servers)
        producer.send(f"{self.prefix}{topic}", key=key.encode(), value=value).get(30)
        producer.close()

    def close(self) -> None:
        for transport in self.opened:
            transport.close()


_numbers = itertools.count()


@pytest.fixture
def cluster(kafka):
    opened = Cluster(kafka, f"t{next(_numbers)}.", partitions=2)
    yield opened
    opened.close()
