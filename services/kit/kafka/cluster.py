"""The topics on the cluster: made as the registry says, never by accident, and compared with it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAlreadyExistsError

from services.kit.kafka.connection import MOST_BYTES, client_arguments, ms
from services.kit.kafka.failures import patiently, translated
from services.kit.kafka.names import Names
from services.kit.kafka.settings import KafkaSettings
from services.kit.kafka.sockets import connected
from services.kit.topics import Topic, topics

DEAD_RETENTION_H = 720
_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Wanted:
    """How a topic is to be on the cluster."""

    name: str
    partitions: int
    replication: int
    configuration: Mapping[str, str]


@dataclass(frozen=True)
class Drift:
    """A topic on the cluster is not as the registry says. Nothing changes it by itself: data may depend on it."""

    topic: str
    what: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"topic {self.topic}: {self.what} is {self.found}, and the registry says {self.wanted}"


def ensure_topics(settings: KafkaSettings, registry: Mapping[str, Topic] | None = None) -> Sequence[Drift]:
    """Make the topics that are missing, with one for the dead letters of each; tell which differ from the registry.

    Raises TransientError when Kafka is away.
    """
    wanted = wanted_topics(settings, topics() if registry is None else registry)
    with translated("topics were not made"):
        admin = connected(KafkaAdminClient, client_arguments(settings))
        try:
            _make([topic for topic in wanted if topic.name not in admin.list_topics()], admin)
            return patiently("topics were not compared", lambda: list(_drift(wanted, admin)), _PATIENCE_S)
        finally:
            admin.close()


def wanted_topics(settings: KafkaSettings, registry: Mapping[str, Topic]) -> Sequence[Wanted]:
    """Every topic of the registry, and for each the topic of its dead letters."""
    names = Names(settings.prefix)
    common = {
        "max.message.bytes": str(MOST_BYTES),
        # With three copies a message is acknowledged when two have it, so that one broker may be away.
        "min.insync.replicas": "2" if settings.replication > 2 else "1",
    }
    live = [
        Wanted(
            names.topic(topic.name),
            topic.partitions,
            settings.replication,
            {**common, "cleanup.policy": "delete", "retention.ms": _hours(topic.retention_h)},
        )
        for topic in registry.values()
    ]
    # Kept by id, so that a replayed letter can be removed; in one partition, so that all stand in their order.
    dead = {**common, "cleanup.policy": "compact,delete", "retention.ms": _hours(DEAD_RETENTION_H)}
    return [*live, *(Wanted(names.dead(topic), 1, settings.replication, dead) for topic in registry)]


def _make(missing: Sequence[Wanted], admin: Any) -> None:
    if not missing:
        return
    # Another process may make them at the same time: the comparison that follows tells how they are.
    with suppress(TopicAlreadyExistsError):
        admin.create_topics({topic.name: _creation(topic) for topic in missing})
    admin.wait_for_topics([topic.name for topic in missing], timeout_ms=ms(_PATIENCE_S))


def _creation(topic: Wanted) -> dict[str, Any]:
    return {
        "num_partitions": topic.partitions,
        "replication_factor": topic.replication,
        "configs": dict(topic.configuration),
    }


def _drift(wanted: Sequence[Wanted], admin: Any) -> Iterator[Drift]:
    names = [topic.name for topic in wanted]
    found = {topic["name"]: topic["partitions"] for topic in admin.describe_topics(names)}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configurations = admin.describe_configs(resources, config_filter="all")["topic"]
    for topic in wanted:
        partitions = found[topic.name]
        yield from _difference(topic, "number of partitions", topic.partitions, len(partitions))
        copies = min(len(partition["replica_nodes"]) for partition in partitions)
        yield from _difference(topic, "number of copies", topic.replication, copies)
        for key, value in topic.configuration.items():
            yield from _difference(topic, key, value, configurations[topic.name][key]["value"])


def _difference(topic: Wanted, what: str, wanted: Any, found: Any) -> Iterator[Drift]:
    if str(wanted) != str(found):
        yield Drift(topic.name, what, str(wanted), str(found))


def _hours(hours: int) -> str:
    return str(hours * 3_600_000)
