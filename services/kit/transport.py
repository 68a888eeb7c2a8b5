"""What services know of the message broker: at-least-once delivery, ordered by deadline where the broker can.

A handler is a function from received messages to messages to send. The consumer loop sends its outputs and only then
commits, so a crash in between delivers the inputs again: a handler must answer a repeated message as the first time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from google.protobuf.message import Message


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
    """A message as delivered; `position` is the broker's own handle, needed to commit it."""

    topic: str
    key: str
    value: Any
    position: Any
    deadline: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 0


Handler = Callable[[Sequence[Received]], Iterable[Outgoing]]


def each(handle: Callable[[Any], Iterable[Outgoing]]) -> Handler:
    """A batch handler from one that takes a single message's value."""

    def handle_batch(batch: Sequence[Received]) -> Iterable[Outgoing]:
        for message in batch:
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


class Transport(Protocol):
    """A message broker."""

    def producer(self) -> Producer:
        """A producer, safe for use by several threads."""
        ...

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        """A consumer for `group`, to be used by one thread."""
        ...
