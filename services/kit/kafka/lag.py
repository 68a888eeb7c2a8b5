"""How many messages wait for each group."""

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import OffsetSpec
from kafka.structs import TopicPartition

from services.kit.errors import TransientError
from services.kit.kafka.connection import client_arguments
from services.kit.kafka.failures import patiently
from services.kit.kafka.names import Names
from services.kit.kafka.offsets import Progress, decode
from services.kit.kafka.settings import KafkaSettings
from services.kit.kafka.sockets import connected
from services.kit.topics import Topic

PATIENCE_S = 3.0


class Lag:
    """Asks the brokers, on a connection made when first needed. Safe for use by several threads."""

    def __init__(self, settings: KafkaSettings, registry: Mapping[str, Topic], names: Names) -> None:
        self._settings = settings
        self._registry = registry
        self._names = names
        self._lock = threading.Lock()
        self._admin: Any = None

    def waiting(self, groups: Collection[str] | None = None) -> Mapping[tuple[str, str], int]:
        """Of `groups`, or all, by (group, topic), none left at 0. Raises TransientError when Kafka is away."""
        pairs = [
            (group, topic.name)
            for topic in self._registry.values()
            for group in topic.consumers
            if groups is None or group in groups
        ]
        with self._lock:
            return patiently("the waiting messages were not counted", lambda: self._count(pairs), PATIENCE_S)

    def require_topics(self) -> None:
        """Raises TransientError when Kafka is away, or a topic of the registry is not there."""
        with self._lock:
            patiently("the topics were not found", lambda: self._partitions(self._registry), PATIENCE_S)

    def close(self) -> None:
        with self._lock:
            if self._admin is not None:
                self._admin.close()
            self._admin = None

    def _count(self, pairs: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        if not pairs:
            return {}
        partitions = self._partitions({topic for _, topic in pairs})
        first, last = self._ends(partitions, OffsetSpec.EARLIEST), self._ends(partitions, OffsetSpec.LATEST)
        done = self._admin.list_group_offsets([self._names.group(*pair) for pair in pairs])
        counts = {}
        for group, topic in pairs:
            committed = done[self._names.group(group, topic)]
            ours = [place for place in partitions if place.topic == self._names.topic(topic)]
            counts[group, topic] = sum(_waiting(first[p], last[p], committed.get(p)) for p in ours)
        return {pair: count for pair, count in counts.items() if count}

    def _partitions(self, names: Iterable[str]) -> list[TopicPartition]:
        if self._admin is None:
            self._admin = connected(KafkaAdminClient, client_arguments(self._settings))
        described = self._admin.describe_topics([self._names.topic(topic) for topic in names])
        missing = sorted(topic["name"] for topic in described if not topic["partitions"])
        if missing:
            raise TransientError(f"topics {', '.join(missing)} are not on the cluster: have them made")
        return [TopicPartition(t["name"], p["partition_index"]) for t in described for p in t["partitions"]]

    def _ends(self, partitions: Iterable[TopicPartition], which: Any) -> Mapping[TopicPartition, int]:
        answers = self._admin.list_partition_offsets(dict.fromkeys(partitions, which))
        return {partition: answer.offset for partition, answer in answers.items()}


def _waiting(first: int, last: int, committed: Any) -> int:
    """Of one partition: what stands in it less what is done."""
    if committed is None or committed.offset < 0:
        return last - first
    progress = Progress(committed.offset, committed.metadata or "")
    return max(last - max(progress.offset, first) - len(list(decode(progress))), 0)
