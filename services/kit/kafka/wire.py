"""How a message of Frottis lies in a Kafka record: its value as protobuf, its deadline and trace context in headers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.kit.clock import Clock
from services.kit.kafka.backlog import OVERHEAD_BYTES, Held, Place
from services.kit.kafka.names import Names
from services.kit.topics import Topic, Unreadable
from services.kit.transport import DeadLetter, Outgoing, Received

OWN = "frottis-"
DEADLINE = f"{OWN}deadline"
# Only this group takes the message; the others pass over it.
ONLY = f"{OWN}only-group"
LETTER = f"{OWN}dead-"

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True)
class Record:
    """What a producer sends. A `value` of None removes what was kept under `key`."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers


def encode(message: Outgoing, topic: Topic, names: Names) -> Record:
    """The record of `message`. Raises TypeError when its value is not what the topic carries."""
    value = topic.encode(message.value)
    return Record(names.topic(topic.name), message.key.encode(), value, _headers(message.headers, message.deadline))


def held(record: Any) -> Held:
    """A fetched record, with what sorting needs of it."""
    deadline = _deadline(record)
    return Held(
        place=(record.topic, record.partition),
        offset=record.offset,
        urgency=deadline.timestamp() if deadline else float("inf"),
        size=len(record.value or b"") + OVERHEAD_BYTES,
        record=record,
    )


def meant_for(group: str, record: Any) -> bool:
    """False for a message that was replayed for another group."""
    return _text(record).get(ONLY, group) == group


def received(message: Held, topic: Topic) -> Received:
    """The message as handlers see it; `unreadable` tells bytes that are none of its topic's."""
    record = message.record
    raw = bytes(record.value or b"")
    value, unreadable = None, None
    try:
        value = topic.decode(raw)
    except Unreadable as error:
        unreadable = str(error)
    return Received(
        topic=topic.name,
        key=_printable(record.key),
        value=value,
        position=message.position,
        deadline=_deadline(record),
        headers={name: text for name, text in _text(record).items() if not name.startswith(OWN)},
        attempts=message.attempts,
        raw=raw,
        unreadable=unreadable,
        origin={
            "messaging.system": "kafka",
            "messaging.destination.name": record.topic,
            "messaging.destination.partition.id": str(record.partition),
            "messaging.kafka.offset": record.offset,
        },
    )


def letter(message: Received, group: str, reason: str, clock: Clock, names: Names) -> Record:
    """The dead letter of `message`: complete, and the same one when it is written twice."""
    (_, partition), offset = message.position
    letter_id = f"{message.topic}-{partition}-{offset}-{group}"
    about = {
        "topic": message.topic,
        "partition": str(partition),
        "offset": str(offset),
        "group": group,
        "key": message.key,
        "reason": reason,
        "at": clock.now().isoformat(),
        "attempts": str(message.attempts + 1),
    }
    headers = {**message.headers, **{f"{LETTER}{name}": text for name, text in about.items()}}
    dead = names.dead(message.topic)
    return Record(dead, letter_id.encode(), message.raw, _headers(headers, message.deadline))


def read_letter(record: Any) -> DeadLetter:
    """The dead letter in a record. Raises KeyError or ValueError when it is none of ours."""
    text = _text(record)
    about = {name.removeprefix(LETTER): value for name, value in text.items() if name.startswith(LETTER)}
    return DeadLetter(
        letter_id=_printable(record.key),
        topic=about["topic"],
        group=about["group"],
        key=about["key"],
        value=bytes(record.value),
        reason=about["reason"],
        at=datetime.fromisoformat(about["at"]),
        attempts=int(about["attempts"]),
        deadline=_deadline(record),
        headers={name: value for name, value in text.items() if not name.startswith(OWN)},
    )


def replayed(letter: DeadLetter, names: Names) -> Sequence[Record]:
    """What brings a dead letter back to its group alone, and what removes it."""
    again = _headers({**letter.headers, ONLY: letter.group}, letter.deadline)
    return [
        Record(names.topic(letter.topic), letter.key.encode(), letter.value, again),
        Record(names.dead(letter.topic), letter.letter_id.encode(), None, []),
    ]


def places(topic: str, partitions: Iterable[int]) -> set[Place]:
    """The partitions of a topic as places."""
    return {(topic, partition) for partition in partitions}


def _headers(headers: Mapping[str, str], deadline: datetime | None) -> Headers:
    encoded = [(name, text.encode()) for name, text in headers.items()]
    if deadline is not None:
        encoded.append((DEADLINE, deadline.astimezone(UTC).isoformat().encode()))
    return encoded


def _text(record: Any) -> dict[str, str]:
    return {name: _printable(value) for name, value in record.headers}


def _deadline(record: Any) -> datetime | None:
    """A deadline that cannot be read is none: the message comes last, and its handler judges it."""
    text = _text(record).get(DEADLINE)
    if text is None:
        return None
    try:
        deadline = datetime.fromisoformat(text)
    except ValueError:
        return None
    return deadline if deadline.tzinfo else None


def _printable(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="backslashreplace")
