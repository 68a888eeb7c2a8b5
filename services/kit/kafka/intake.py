"""The thread that owns one kafka-python consumer: it polls without a pause, so slow work costs no partition.

The library's consumer may be used by one thread only, and leaves its group when that thread does not poll for
`max_poll_interval_ms`; a slide may take a handler longer. So a thread polls, and the handler works on what it fetched.
"""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

import structlog
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from services.kit.kafka.connection import MOST_BYTES, client_arguments, ms
from services.kit.kafka.failures import MEMBERSHIP, is_transient
from services.kit.kafka.inbox import Inbox
from services.kit.kafka.membership import Assignor, Membership, as_offsets
from services.kit.kafka.offsets import Progress
from services.kit.kafka.settings import KafkaSettings
from services.kit.kafka.sockets import connected
from services.kit.kafka.wire import held, meant_for

# How long a poll may wait with work under way: its end is to be committed soon.
BUSY_S = 0.1
# Signs of life in the time after which the group takes a worker for gone.
BEATS = 3
# How long the broker may hold a request for messages when there are none; one that arrives is sent at once. Asking more
# often costs an empty system a part of a core; less often, a partition that moved here, or that is fetched again after
# its topic was full, waits for the answer while nothing else comes.
HOLD_S = 5.0
COMMIT_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 5.0
TRY_AGAIN_S = 0.5
# Longer than a commit and the goodbye to the group take.
_STOP_S = 15.0
_FLUSH_S = 2.0
MOST_RECORDS = 2000

log = structlog.get_logger()


class Intake(threading.Thread):
    """Fetches what one group takes in this process into the inbox, and commits what the inbox says is done.

    One for all topics of a service: each costs heartbeats and polls, also when there is nothing to fetch.
    """

    def __init__(self, settings: KafkaSettings, group: str, group_id: str) -> None:
        super().__init__(name=f"kafka:{group_id}", daemon=True)
        self.group = group
        self.inbox = Inbox(settings.read_ahead_mb * 1_000_000)
        self._settings = settings
        self._group_id = group_id
        # How many take each topic. Of one that nobody takes any more, nothing is fetched.
        self._taken: Counter[str] = Counter()
        self._entering = threading.Lock()
        self._stop_requested = threading.Event()
        self._away = False

    def enter(self, topics: Collection[str]) -> bool:
        """Fetch these too; False when it has ended, since nobody took anything any more."""
        with self._entering:
            if self._stop_requested.is_set():
                return False
            self._taken.update(topics)
            return True

    def leave(self, topics: Collection[str]) -> None:
        """One who entered takes these no more; what is done of them is committed. Ends when it was the last."""
        with self._entering:
            self._taken.subtract(topics)
            if not self._wanted():
                self._stop_requested.set()
        if self._stop_requested.is_set():
            self.end()
        else:
            self.inbox.flushed(_FLUSH_S)
            self.inbox.leave([topic for topic in topics if topic not in self._wanted()])

    def stop(self) -> None:
        """Commit what is done, leave the group, end."""
        self._stop_requested.set()

    def end(self) -> None:
        """The same, having waited for it."""
        self.stop()
        self.join(_STOP_S)

    def _wanted(self) -> set[str]:
        return {topic for topic, takers in self._taken.items() if takers > 0}

    def run(self) -> None:
        try:
            while not self._stop_requested.is_set():
                self._patiently(self._consume)
        except BaseException as error:  # noqa: BLE001 - raised in the handling thread
            self.inbox.fail(error)

    def _patiently(self, do: Callable[[], None]) -> bool:
        """Do it; False when Kafka is away, having waited a little."""
        try:
            do()
        except KafkaError as error:
            if not is_transient(error):
                raise
            if not self._away:
                log.warning("Kafka does not answer as it should", group=self._group_id, error=type(error).__name__)
            self._away = True
            self._stop_requested.wait(TRY_AGAIN_S)
            return False
        if self._away:
            log.info("Kafka answers again", group=self._group_id)
        self._away = False
        return True

    def _consume(self) -> None:
        assignor = Assignor()
        consumer = connected(KafkaConsumer, consumer_arguments(self._settings, self._group_id, assignor))
        try:
            listener = Membership(
                consumer,
                assignor,
                self.inbox,
                drain_s=self._settings.drain_s,
                stopping=self._stop_requested.is_set,
            )
            while not self._stop_requested.is_set():
                self._subscribe(consumer, listener)
                if not self._patiently(lambda: self._turn(consumer)):
                    self._rewind(consumer)
            self._patiently(lambda: self._commit(consumer))
        finally:
            consumer.close(autocommit=False, timeout_ms=ms(CLOSE_TIMEOUT_S))
            self.inbox.give_up(self.inbox.known())

    def _subscribe(self, consumer: Any, listener: Membership) -> None:
        with self._entering:
            wanted = self._wanted()
        if wanted and wanted != consumer.subscription():
            consumer.subscribe(sorted(wanted), listener=listener)

    def _turn(self, consumer: Any) -> None:
        if self.inbox.oldest_out_s() > self._settings.longest_handling_s:
            # Without polls Kafka gives the partitions to a worker that is alive.
            self._stop_requested.wait(self._settings.idle_s)
            return
        self._commit(consumer)
        self._throttle(consumer)
        wait_s = BUSY_S if self.inbox.busy else self._settings.idle_s
        fetched = consumer.poll(timeout_ms=ms(wait_s), max_records=MOST_RECORDS)
        self._accept(consumer, [record for records in fetched.values() for record in records])
        self._open_new(consumer)

    def _commit(self, consumer: Any) -> None:
        progress = self.inbox.progress(consumer.assignment())
        if not progress:
            return
        try:
            consumer.commit(as_offsets(progress), timeout_ms=ms(COMMIT_TIMEOUT_S))
        except MEMBERSHIP as error:
            log.info("committed after the rebalance", group=self._group_id, error=type(error).__name__)
        else:
            self.inbox.committed(progress)

    def _throttle(self, consumer: Any) -> None:
        """Fetch no more than the inbox may hold; a poll without anything to fetch still keeps the partitions."""
        assigned, paused, known = consumer.assignment(), consumer.paused(), self.inbox.known()
        full = {place for place in assigned - paused if self.inbox.full(place.topic)}
        if full:
            consumer.pause(*full)
        again = {place for place in paused & assigned & set(known) if self.inbox.roomy(place.topic)}
        if again:
            consumer.resume(*again)

    def _accept(self, consumer: Any, records: Sequence[Any]) -> None:
        ours = [held(record) for record in records if meant_for(self.group, record)]
        others = [held(record) for record in records if not meant_for(self.group, record)]
        places = {(record.topic, record.partition) for record in records}
        self.inbox.accept(ours, others, {place: consumer.position(TopicPartition(*place)) for place in places})

    def _open_new(self, consumer: Any) -> None:
        """Learn which messages of a new partition are done, then let it be fetched."""
        new = consumer.assignment() - set(self.inbox.known())
        for partition in [place for place in new if place.topic in self._wanted()]:
            committed = consumer.committed(partition, metadata=True, timeout_ms=ms(COMMIT_TIMEOUT_S))
            # It may have been ours before, and read on, when its topic was left and is taken again.
            if committed:
                consumer.seek(partition, committed.offset)
            else:
                consumer.seek_to_beginning(partition)
            self.inbox.open(partition, Progress(committed.offset, committed.metadata) if committed else Progress(0))
            consumer.resume(partition)

    def _rewind(self, consumer: Any) -> None:
        """A poll that failed may have read messages that it did not return."""
        for place, offset in self.inbox.next_offsets().items():
            partition = TopicPartition(*place)
            if partition in consumer.assignment():
                consumer.seek(partition, offset)


def consumer_arguments(settings: KafkaSettings, group_id: str, assignor: Assignor) -> dict[str, Any]:
    """Arguments of a group's consumer; what matters is said, whatever the library's defaults become."""
    return {
        **client_arguments(settings),
        "group_id": group_id,
        "partition_assignment_strategy": [assignor],
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",
        "allow_auto_create_topics": False,
        "session_timeout_ms": ms(settings.session_timeout_s),
        "heartbeat_interval_ms": ms(settings.session_timeout_s / BEATS),
        "max_poll_interval_ms": ms(settings.poll_interval_s),
        "max_partition_fetch_bytes": MOST_BYTES,
        "fetch_max_bytes": 2 * MOST_BYTES,
        "fetch_max_wait_ms": ms(HOLD_S),
    }
