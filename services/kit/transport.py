"""What services know of the message broker: at-least-once delivery, ordered by deadline where the broker can.

A handler is a function from received messages to messages to send. The consumer loop sends its outputs and only then
commits, so a crash in between delivers the inputs again: a handler must answer a repeated message as the first time.
`tests/unit/kit/transport_suite.py` states what every transport must do, in tests.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from google.protobuf.message import Message

from services.kit.errors import FrottisError
from services.kit.tracing.current import focus


class NoDeadLetter(FrottisError):
    """There is no dead letter of this id."""


class NotReplayable(FrottisError):
    """The group that rejected this message no longer takes its topic."""


@dataclass(frozen=True)
class Outgoing:
    """A message to send: `key` orders and spreads it, `deadline` (aware UTC) is its urgency, none comes last."""

    topic: str
    key: str
    value: Message
    deadline: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Received:
    """A message as delivered; `position` is the broker's own handle, needed to commit it.

    `attempts` counts the deliveries before this one, as far as this process knows. `raw` is the value as it was sent.
    When `raw` is no message of the topic (`Topic.decode` raises), `value` is None and `unreadable` says why; the
    consumer loop rejects it.
    """

    topic: str
    key: str
    value: Any
    position: Any
    deadline: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 0
    raw: bytes = b""
    unreadable: str | None = None
    # Where the broker keeps it, as attributes of OpenTelemetry's messaging conventions.
    origin: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class DeadLetter:
    """A message that one group could not handle, complete, so that it can be looked at and replayed.

    `letter_id` is the broker's own name for it, `at` (aware UTC) when it was rejected, `attempts` how often it was
    delivered (at least once).
    """

    letter_id: str
    topic: str
    group: str
    key: str
    value: bytes
    reason: str
    at: datetime
    attempts: int
    deadline: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Sequence[Received]], Iterable[Outgoing]]


def each(handle: Callable[[Any], Iterable[Outgoing]]) -> Handler:
    """A batch handler from one that takes a single message's value."""

    def handle_batch(batch: Sequence[Received]) -> Iterable[Outgoing]:
        for message in batch:
            focus(message)
            yield from handle(message.value)

    return handle_batch


class Producer(Protocol):
    """Where messages go out."""

    def send(self, messages: Iterable[Outgoing]) -> None:
        """Return once every message is durable at the broker.

        Raises TransientError when the broker cannot take them now.
        """
        ...


class Consumer(Protocol):
    """One group's view of its topics."""

    def poll(self, limit: int, timeout_s: float) -> Sequence[Received]:
        """Up to `limit` messages of one topic, most urgent first; empty after `timeout_s` without any.

        A delivered message is not delivered again until it is retried or the process restarts.
        """
        ...

    def wake(self) -> None:
        """Have a `poll` that waits, or else the next one, return. Any thread may say so."""
        ...

    def commit(self, messages: Sequence[Received]) -> None:
        """These messages are done with: outputs are acknowledged and state is durable."""
        ...

    def retry(self, messages: Sequence[Received], delay_s: float) -> None:
        """Deliver these again, not before `delay_s` seconds have passed."""
        ...

    def reject(self, message: Received, reason: str) -> None:
        """Move the message, complete, to the dead letters."""
        ...

    def close(self) -> None:
        """Leave the group. Uncommitted messages will be delivered again."""
        ...


class DeadLetters(Protocol):
    """The messages that groups could not handle. Each of these raises TransientError when the broker is away."""

    def list(self) -> Sequence[DeadLetter]:
        """All of them, oldest first."""
        ...

    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many there are, by (group, topic); a group and topic without any is left out."""
        ...

    def replay(self, letter_id: str) -> None:
        """Deliver this message again, to its group alone, and remove it from the dead letters: both or neither.

        Raises NoDeadLetter when there is none of this id, NotReplayable when its group no longer takes its topic.
        """
        ...


class Transport(Protocol):
    """A message broker."""

    def producer(self) -> Producer:
        """A producer, safe for use by several threads."""
        ...

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        """A consumer for `group`, to be used by one thread."""
        ...

    def dead_letters(self) -> DeadLetters:
        """The dead letters of every group, safe for use by several threads."""
        ...

    def waiting(self, groups: Collection[str] | None = None) -> Mapping[tuple[str, str], int]:
        """How many messages wait, by (group, topic); a group and topic without any is left out.

        Of `groups` alone when they are given: on a broker each group costs a question.
        """
        ...

    def close(self) -> None:
        """Give back every connection, after the consumers are closed."""
        ...
