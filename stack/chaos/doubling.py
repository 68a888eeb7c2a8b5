"""Has every message of every topic delivered twice: each is put on its topic again, as a broker in doubt would."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from services.kit.kafka import KafkaSettings
from services.kit.kafka.connection import client_arguments
from services.kit.kafka.failures import is_transient
from services.kit.kafka.producer import producer_arguments
from services.kit.kafka.sockets import connected
from services.kit.topics import topics

# On the second delivery, so that it has no third.
SECOND = ("frottis-chaos-second", b"1")
POLL_MS = 200
AGAIN_S = 0.5


class Doubler(threading.Thread):
    """Reads all topics from their beginning, and puts on each partition what it reads there, once."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__(name="doubler", daemon=True)
        self._settings = settings
        self._done: dict[TopicPartition, int] = {}
        self._stop_requested = threading.Event()
        self.doubled = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._stop_requested.is_set():
                with suppress(_Again), _again_when_away():
                    self._work()
                self._stop_requested.wait(AGAIN_S)
        except BaseException as error:  # noqa: BLE001 - raised by `level` and `stop`, in the thread that asks
            self.failure = error

    def stop(self) -> None:
        """End. Raises what it failed of."""
        self._stop_requested.set()
        self.join()
        self._sound()

    def level(self) -> bool:
        """Everything that stands on the topics was delivered twice. Raises what it failed of."""
        self._sound()
        with suppress(_Again), _again_when_away(), closing(self._reader()) as reader:
            ends: dict[TopicPartition, int] = reader.end_offsets(list(reader.assignment()))
            return all(self._done.get(place, 0) >= end for place, end in ends.items())
        return False

    def _sound(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _work(self) -> None:
        with closing(self._reader()) as reader, closing(self._writer()) as writer:
            for place in reader.assignment():
                reader.seek(place, self._done.get(place, 0))
            while not self._stop_requested.is_set():
                for place, records in reader.poll(timeout_ms=POLL_MS).items():
                    self._put_again(writer, place, records)

    def _put_again(self, writer: Any, place: TopicPartition, records: list[Any]) -> None:
        """Those of one partition. One that was sent when Kafka went away may come a third time."""
        fresh = [record for record in records if SECOND not in record.headers]
        for sent in [
            writer.send(
                place.topic,
                key=record.key,
                value=record.value,
                partition=place.partition,
                headers=[*record.headers, SECOND],
            )
            for record in fresh
        ]:
            sent.get(self._settings.delivery_timeout_s)
        self.doubled += len(fresh)
        self._done[place] = records[-1].offset + 1

    def _reader(self) -> Any:
        arguments = {"group_id": None, "enable_auto_commit": False, "auto_offset_reset": "earliest"}
        reader = connected(KafkaConsumer, {**client_arguments(self._settings), **arguments})
        reader.assign([TopicPartition(topic.name, n) for topic in topics().values() for n in range(topic.partitions)])
        return reader

    def _writer(self) -> Any:
        return connected(KafkaProducer, producer_arguments(self._settings))


class _Again(Exception):
    """Kafka is away for the moment."""


@contextmanager
def _again_when_away() -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        if not is_transient(error):
            raise
        raise _Again from error
