"""Sending to Kafka: idempotent, acknowledged by every copy in sync before `send` returns."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from services.kit.kafka.connection import MOST_BYTES, REQUEST_TIMEOUT_S, client_arguments, ms
from services.kit.kafka.failures import is_transient, translated
from services.kit.kafka.names import Names
from services.kit.kafka.settings import KafkaSettings
from services.kit.kafka.sockets import connected
from services.kit.kafka.wire import Record, encode
from services.kit.topics import Topic
from services.kit.transport import Outgoing

# What a send may take beyond the time that the library itself gives a message.
_GRACE_S = 5.0


class Sender:
    """One connection for all threads of a process, made when first needed and anew after a failure.

    A producer whose message was given up does not know which of its sequence numbers the broker has; a new one does.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._producer: Any = None

    def send(self, records: Sequence[Record]) -> None:
        """Return once all are durable. Raises TransientError, PoisonError for a record that is too large."""
        if not records:
            return
        with translated("messages were not sent"):
            producer = self._connected()
            try:
                acknowledgements = [send_with(producer, record) for record in records]
                for acknowledgement in acknowledgements:
                    acknowledgement.get(self._settings.delivery_timeout_s + _GRACE_S)
            except KafkaError as error:
                if is_transient(error):
                    self._discard(producer)
                raise

    def close(self) -> None:
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=self._settings.delivery_timeout_s)

    def _connected(self) -> Any:
        with self._lock:
            if self._producer is None:
                self._producer = connected(KafkaProducer, producer_arguments(self._settings))
            return self._producer

    def _discard(self, producer: Any) -> None:
        with self._lock:
            if self._producer is producer:
                self._producer = None
        producer.close(timeout=0)


class KafkaMessages:
    """The producer that services see. Safe for use by several threads."""

    def __init__(self, sender: Sender, registry: Mapping[str, Topic], names: Names) -> None:
        self._sender = sender
        self._registry = registry
        self._names = names

    def send(self, messages: Iterable[Outgoing]) -> None:
        """Return once all are durable. Raises TransientError, PoisonError, and TypeError before any is sent."""
        self._sender.send([encode(message, self._registry[message.topic], self._names) for message in messages])


def send_with(producer: Any, record: Record) -> Any:
    """Hand a record to a producer of kafka-python; returns the future of its acknowledgement."""
    return producer.send(record.topic, key=record.key, value=record.value, headers=record.headers)


def producer_arguments(settings: KafkaSettings) -> dict[str, Any]:
    """Arguments of every producer; what matters is said, whatever the library's defaults become."""
    return {
        **client_arguments(settings),
        "enable_idempotence": True,
        "acks": "all",
        "allow_auto_create_topics": False,
        "max_request_size": MOST_BYTES,
        "max_block_ms": ms(settings.delivery_timeout_s),
        "request_timeout_ms": ms(min(REQUEST_TIMEOUT_S, settings.delivery_timeout_s / 2)),
        "delivery_timeout_ms": ms(settings.delivery_timeout_s),
    }
