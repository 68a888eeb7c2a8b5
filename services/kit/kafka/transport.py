"""Kafka as the transport between services."""

import logging
import threading
from collections.abc import Collection, Mapping, Sequence

from services.kit.clock import Clock, SystemClock
from services.kit.errors import TransientError
from services.kit.kafka.consumer import GroupConsumer
from services.kit.kafka.dead_letters import KafkaDeadLetters
from services.kit.kafka.intake import Intake
from services.kit.kafka.lag import Lag
from services.kit.kafka.names import Names
from services.kit.kafka.producer import KafkaMessages, Sender
from services.kit.kafka.settings import KafkaSettings
from services.kit.topics import Topic, topics

_FLUSH_S = 2.0
_SYSTEM_CLOCK = SystemClock()


class KafkaTransport:
    """Connects when something is first sent or consumed, and again after every outage. Its topics must exist."""

    def __init__(
        self, settings: KafkaSettings, registry: Mapping[str, Topic] | None = None, clock: Clock = _SYSTEM_CLOCK
    ) -> None:
        # The library tells of an outage many times a second, and at DEBUG of every message with its body. What matters
        # of it comes as an exception and is told once, by the loops and by `waits_for`.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        self._settings = settings
        self._registry = topics() if registry is None else registry
        self._clock = clock
        self._names = Names(settings.prefix)
        self._sender = Sender(settings)
        self._lag = Lag(settings, self._registry, self._names)
        self._dead_letters = KafkaDeadLetters(settings, self._registry, self._names)
        self._intakes: dict[str, Intake] = {}
        self._opening = threading.Lock()

    def producer(self) -> KafkaMessages:
        return KafkaMessages(self._sender, self._registry, self._names)

    def consumer(self, group: str, topics: Sequence[str]) -> GroupConsumer:
        """Those of one group share a connection. Safe for use by several threads."""
        with self._opening:
            intake = self._intakes.get(group)
            if intake is None or not intake.enter([self._names.topic(topic) for topic in topics]):
                intake = self._intakes[group] = Intake(self._settings, group, self._names.group(group))
                intake.enter([self._names.topic(topic) for topic in topics])
                intake.start()
        wanted = [self._registry[topic] for topic in topics]
        return GroupConsumer(intake, wanted, names=self._names, sender=self._sender, clock=self._clock)

    def dead_letters(self) -> KafkaDeadLetters:
        return self._dead_letters

    def waiting(self, groups: Collection[str] | None = None) -> Mapping[tuple[str, str], int]:
        """Of groups of the registry, wherever they run. Raises TransientError when Kafka is away."""
        for intake in tuple(self._intakes.values()):
            intake.inbox.flushed(_FLUSH_S)
        return self._lag.waiting(groups)

    def waits_for(self) -> str | None:
        """None when Kafka answers for every topic of the registry, or what is amiss: for a readiness probe."""
        try:
            self._lag.require_topics()
        except TransientError as error:
            return str(error)
        return None

    def close(self) -> None:
        for intake in self._intakes.values():
            intake.stop()
        for intake in self._intakes.values():
            intake.end()
        self._sender.close()
        self._lag.close()
        self._dead_letters.close()
