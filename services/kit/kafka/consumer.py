"""One group's view of its topics on Kafka, as the consumer loop uses it."""

from collections.abc import Mapping, Sequence

from services.kit.clock import Clock
from services.kit.kafka.inbox import Inbox
from services.kit.kafka.intake import Intake
from services.kit.kafka.names import Names
from services.kit.kafka.producer import Sender
from services.kit.kafka.settings import KafkaSettings
from services.kit.kafka.wire import letter, received
from services.kit.topics import Topic
from services.kit.transport import Received

# Longer than a commit and the goodbye to the group take.
_STOP_S = 15.0


class GroupConsumer:
    """For one thread. `commit` is durable at Kafka a moment later, and at the latest when `close` returns."""

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        topics: Sequence[Topic],
        *,
        names: Names,
        sender: Sender,
        clock: Clock,
    ) -> None:
        self._group = group
        self._topics: Mapping[str, Topic] = {names.topic(topic.name): topic for topic in topics}
        self._names = names
        self._sender = sender
        self._clock = clock
        self._inbox = Inbox(settings.read_ahead_mb * 1_000_000)
        self._intakes = [
            Intake(settings, group, names.group(group, topic.name), names.topic(topic.name), self._inbox)
            for topic in topics
        ]
        for intake in self._intakes:
            intake.start()

    def poll(self, limit: int, timeout_s: float) -> Sequence[Received]:
        """Raises the errors of kafka-python that do not pass by themselves; while Kafka is away it is silent."""
        return [received(held, self._topics[held.place[0]]) for held in self._inbox.take(limit, timeout_s)]

    def wake(self) -> None:
        self._inbox.wake()

    def commit(self, messages: Sequence[Received]) -> None:
        self._inbox.finish([message.position for message in messages])

    def retry(self, messages: Sequence[Received], delay_s: float) -> None:
        self._inbox.put_back([message.position for message in messages], delay_s)

    def reject(self, message: Received, reason: str) -> None:
        """Raises TransientError when the dead letter cannot be written now."""
        self._sender.send([letter(message, self._group, reason, self._clock, self._names)])
        self.commit([message])

    def flushed(self, within_s: float) -> bool:
        """Wait until Kafka knows all that is committed; False when it does not in time."""
        return self._inbox.flushed(within_s)

    def stop(self) -> None:
        """Begin to close, so that several consumers close at the same time."""
        for intake in self._intakes:
            intake.stop()

    def close(self) -> None:
        self.stop()
        for intake in self._intakes:
            intake.join(_STOP_S)
