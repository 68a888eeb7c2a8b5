"""The dead letters of the local log. A replay beside a running Frottis is seen by it when its poll ends."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.kit.local_file import LogFile
from services.kit.local_log_schema import decode_deadline, decode_headers, encode_deadline, encode_headers
from services.kit.topics import Topic
from services.kit.transport import DeadLetter, NoDeadLetter, NotReplayable, Received


class LocalDeadLetters:
    """Safe for use by several threads and beside other processes."""

    def __init__(self, file: LogFile, topics: Mapping[str, Topic]) -> None:
        self._file = file
        self._topics = topics

    def list(self) -> Sequence[DeadLetter]:
        rows = self._file.fetch(
            'SELECT id, topic, "group", key, value, reason, at, attempts, deadline, headers '
            "FROM dead_letters ORDER BY id"
        )
        return [_letter(row) for row in rows]

    def counts(self) -> Mapping[tuple[str, str], int]:
        rows = self._file.fetch('SELECT "group", topic, COUNT(*) FROM dead_letters GROUP BY "group", topic')
        return {(group, topic): count for group, topic, count in rows}

    def replay(self, letter_id: str) -> None:
        with self._file.changing() as db:
            query = 'SELECT topic, "group", deadline FROM dead_letters WHERE id = ?'
            letter = db.execute(query, (letter_id,)).fetchone()
            if letter is None:
                raise NoDeadLetter(f"there is no dead letter {letter_id}: see `frottis dead-letters list`")
            topic, group, deadline = letter
            if topic not in self._topics or group not in self._topics[topic].consumers:
                raise NotReplayable(f"dead letter {letter_id}: {group} no longer takes {topic}")
            message = db.execute(
                "INSERT INTO messages (topic, key, value, deadline, headers) "
                "SELECT topic, key, value, deadline, headers FROM dead_letters WHERE id = ?",
                (letter_id,),
            ).lastrowid
            db.execute(
                'INSERT INTO pending ("group", topic, deadline, message) VALUES (?, ?, ?, ?)',
                (group, topic, deadline, message),
            )
            db.execute("DELETE FROM dead_letters WHERE id = ?", (letter_id,))

    def drop(self, before: datetime) -> int:
        """Remove what was rejected earlier than `before` (aware); returns how many."""
        with self._file.changing() as db:
            return db.execute("DELETE FROM dead_letters WHERE at < ?", (before.timestamp(),)).rowcount


def bury(db: sqlite3.Connection, message: Received, group: str, reason: str, at: datetime) -> None:
    """Write `message`, rejected by `group`, among the dead letters, inside a transaction."""
    db.execute(
        'INSERT INTO dead_letters (topic, "group", key, value, reason, at, attempts, deadline, headers) '
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            message.topic,
            group,
            message.key,
            message.raw,
            reason,
            at.timestamp(),
            message.attempts + 1,
            encode_deadline(message.deadline),
            encode_headers(message.headers),
        ),
    )


def _letter(row: tuple[Any, ...]) -> DeadLetter:
    number, topic, group, key, value, reason, at, attempts, deadline, headers = row
    return DeadLetter(
        letter_id=str(number),
        topic=topic,
        group=group,
        key=key,
        value=value,
        reason=reason,
        at=datetime.fromtimestamp(at, UTC),
        attempts=attempts,
        deadline=decode_deadline(deadline),
        headers=decode_headers(headers),
    )
