"""One subscription's view of its topics on Kafka, as the consumer loop uses it."""

from collections.abc import Mapping, Sequence

from services.kit.clock import Clock
from services.kit.kafka.intake import Intake
from services.kit.kafka.names import Names
from services.kit.kafka.producer import Sender
from services.kit.kafka.wire import letter, received
from services.kit.topics import Topic
from services.kit.transport import Received


class GroupConsumer:
    """For one thread. `commit` is durable at Kafka a moment later, and at the latest when `close` returns.

    Those of one group in this process share an `intake`, which has these topics among its own until `close`.
    """

    def __init__(self, intake: Intake, topics: Sequence[Topic], *, names: Names, sender: Sender, clock: Clock) -> None:
        self._topics: Mapping[str, Topic] = {names.topic(topic.name): topic for topic in topics}
        self._names = names
        self._sender = sender
        self._clock = clock
        self._intake = intake
        self._inbox = intake.inbox

    def poll(self, limit: int, timeout_s: float) -> Sequence[Received]:
        """Raises the errors of kafka-python that do not pass by themselves; while Kafka is away it is silent."""
        taken = self._inbox.take(self._topics.keys(), limit, timeout_s)
        return [received(held, self._topics[held.place[0]]) for held in taken]

    def wake(self) -> None:
        self._inbox.wake(self._topics.keys())

    def commit(self, messages: Sequence[Received]) -> None:
        self._inbox.finish([message.position for message in messages])

    def retry(self, messages: Sequence[Received], delay_s: float) -> None:
        self._inbox.put_back([message.position for message in messages], delay_s)

    def reject(self, message: Received, reason: str) -> None:
        """Raises TransientError when the dead letter cannot be written now."""
        self._sender.send([letter(message, self._intake.group, reason, self._clock, self._names)])
        self.commit([message])

    def flushed(self, within_s: float) -> bool:
        """Wait until Kafka knows all that is committed; False when it does not in time."""
        return self._inbox.flushed(within_s)

    def close(self) -> None:
        self._intake.leave(self._topics.keys())
