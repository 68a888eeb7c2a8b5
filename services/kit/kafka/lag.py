"""How many messages wait for each group."""

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError
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

# A group and a topic of the registry.
Pair = tuple[str, str]


class Lag:
    """Asks the brokers, on a connection made when first needed. Safe for use by several threads."""

    def __init__(self, settings: KafkaSettings, registry: Mapping[str, Topic], names: Names) -> None:
        self._settings = settings
        self._registry = registry
        self._names = names
        self._lock = threading.Lock()
        self._admin: Any = None
        # As they were last seen, by topic; an error has them looked for again.
        self._partitions: dict[str, list[TopicPartition]] = {}

    def waiting(self, groups: Collection[str] | None = None) -> Mapping[Pair, int]:
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
            patiently("the topics were not found", lambda: self._look(self._registry), PATIENCE_S)

    def close(self) -> None:
        with self._lock:
            if self._admin is not None:
                self._admin.close()
            self._admin = None

    def _count(self, pairs: Sequence[Pair]) -> Mapping[Pair, int]:
        if not pairs:
            return {}
        names = {self._names.topic(topic) for _, topic in pairs}
        if not names <= self._partitions.keys():
            self._look({topic for _, topic in pairs})
        try:
            return self._counted(pairs, [place for name in names for place in self._partitions[name]])
        except KafkaError:
            self._partitions.clear()
            raise

    def _counted(self, pairs: Sequence[Pair], places: Sequence[TopicPartition]) -> Mapping[Pair, int]:
        """Where a topic begins is asked only of partitions in which something is not done."""
        last = self._ends(places, OffsetSpec.LATEST)
        committed = self._admin.list_group_offsets(sorted({self._names.group(group) for group, _ in pairs}))
        done = {
            (pair, place): _progress(committed[self._names.group(pair[0])].get(place))
            for pair in pairs
            for place in self._partitions[self._names.topic(pair[1])]
        }
        behind = {key: progress for key, progress in done.items() if progress.offset < last[key[1]]}
        first = self._ends({place for _, place in behind}, OffsetSpec.EARLIEST) if behind else {}
        counts: Counter[Pair] = Counter()
        for (pair, place), progress in behind.items():
            counts[pair] += _waiting(first[place], last[place], progress)
        return {pair: count for pair, count in counts.items() if count}

    def _look(self, topics: Iterable[str]) -> None:
        """Find out which partitions they have. Raises TransientError for one that is not there."""
        if self._admin is None:
            self._admin = connected(KafkaAdminClient, client_arguments(self._settings))
        described = self._admin.describe_topics([self._names.topic(topic) for topic in topics])
        missing = sorted(topic["name"] for topic in described if not topic["partitions"])
        if missing:
            raise TransientError(f"topics {', '.join(missing)} are not on the cluster: have them made")
        for topic in described:
            numbers = [partition["partition_index"] for partition in topic["partitions"]]
            self._partitions[topic["name"]] = [TopicPartition(topic["name"], number) for number in numbers]

    def _ends(self, partitions: Iterable[TopicPartition], which: Any) -> Mapping[TopicPartition, int]:
        answers = self._admin.list_partition_offsets(dict.fromkeys(partitions, which))
        return {partition: answer.offset for partition, answer in answers.items()}


def _progress(committed: Any) -> Progress:
    """What a group has done of a partition, as the broker says it; of one it never committed, nothing."""
    if committed is None or committed.offset < 0:
        return Progress(0)
    return Progress(committed.offset, committed.metadata or "")


def _waiting(first: int, last: int, done: Progress) -> int:
    """Of one partition: what stands in it less what is done."""
    return max(last - max(done.offset, first) - len(list(decode(done))), 0)
