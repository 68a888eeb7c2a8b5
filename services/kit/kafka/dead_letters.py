"""The dead letters on Kafka: one compacted topic beside each topic, read whole, replayed in a transaction."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from services.kit.errors import TransientError
from services.kit.kafka.connection import client_arguments, ms
from services.kit.kafka.failures import translated
from services.kit.kafka.names import Names
from services.kit.kafka.producer import producer_arguments, send_with
from services.kit.kafka.settings import KafkaSettings
from services.kit.kafka.sockets import connected
from services.kit.kafka.wire import read_letter, replayed
from services.kit.topics import Topic
from services.kit.transport import DeadLetter, NoDeadLetter, NotReplayable

_POLL_S = 0.2
_PATIENCE_S = 20.0
# A replay that was cut off holds its topic's readers up until Kafka gives its transaction up.
_TRANSACTION_S = 10.0

log = structlog.get_logger()


class KafkaDeadLetters:
    """Reads on from where it stopped, so that looking again costs little. Safe for use by several threads."""

    def __init__(self, settings: KafkaSettings, registry: Mapping[str, Topic], names: Names) -> None:
        self._settings = settings
        self._registry = registry
        self._names = names
        self._lock = threading.Lock()
        self._consumer: Any = None
        self._letters: dict[str, DeadLetter] = {}

    def list(self) -> Sequence[DeadLetter]:
        with self._lock:
            self._read_on()
            return sorted(self._letters.values(), key=lambda letter: letter.at)

    def counts(self) -> Mapping[tuple[str, str], int]:
        return Counter((letter.group, letter.topic) for letter in self.list())

    def replay(self, letter_id: str) -> None:
        with self._lock, translated(f"dead letter {letter_id} was not replayed"):
            producer = connected(KafkaProducer, self._transactional())
            try:
                # From here on a replay that runs elsewhere fails, so what is read next cannot be replayed twice.
                producer.init_transactions()
                self._read_on()
                self._in_one_transaction(producer, self._replayable(letter_id))
                # A transaction is decided before every reader can see it.
                self._poll_while(lambda: letter_id in self._letters)
            finally:
                producer.close(timeout=_TRANSACTION_S)

    def close(self) -> None:
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
            self._consumer = None
            self._letters.clear()

    def _replayable(self, letter_id: str) -> DeadLetter:
        letter = self._letters.get(letter_id)
        if letter is None:
            raise NoDeadLetter(f"there is no dead letter {letter_id}: see `frottis dead-letters list`")
        if letter.topic not in self._registry or letter.group not in self._registry[letter.topic].consumers:
            raise NotReplayable(f"dead letter {letter_id}: {letter.group} no longer takes {letter.topic}")
        return letter

    def _in_one_transaction(self, producer: Any, letter: DeadLetter) -> None:
        producer.begin_transaction()
        try:
            for record in replayed(letter, self._names):
                send_with(producer, record)
            producer.commit_transaction()
        except KafkaError:
            producer.abort_transaction()
            raise

    def _transactional(self) -> dict[str, Any]:
        return {
            **producer_arguments(self._settings),
            "transactional_id": self._names.topic("dead-letter-replay"),
            "transaction_timeout_ms": ms(_TRANSACTION_S),
        }

    def _read_on(self) -> None:
        with translated("the dead letters were not read"):
            if self._consumer is None:
                self._consumer = self._open()
            ends = self._consumer.end_offsets(list(self._consumer.assignment()))
            self._poll_while(lambda: any(self._consumer.position(place) < end for place, end in ends.items()))

    def _poll_while(self, incomplete: Callable[[], bool]) -> None:
        until = time.monotonic() + _PATIENCE_S
        while incomplete():
            if time.monotonic() > until:
                raise TransientError("the dead letters were not read: Kafka is too slow")
            for records in self._consumer.poll(timeout_ms=ms(_POLL_S)).values():
                for record in records:
                    self._note(record)

    def _note(self, record: Any) -> None:
        letter_id = (record.key or b"").decode(errors="backslashreplace")
        if record.value is None:
            self._letters.pop(letter_id, None)
            return
        try:
            self._letters[letter_id] = read_letter(record)
        except (KeyError, ValueError):
            log.exception("not a dead letter of Frottis", topic=record.topic, offset=record.offset)

    def _open(self) -> Any:
        arguments = {
            **client_arguments(self._settings),
            "group_id": None,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            "allow_auto_create_topics": False,
        }
        consumer = connected(KafkaConsumer, arguments)
        consumer.assign([TopicPartition(self._names.dead(topic), 0) for topic in self._registry])
        return consumer
