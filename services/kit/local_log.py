"""The in-process transport: a durable log in one SQLite file, most urgent message first.

It gives the embedded default what Kafka gives production: a message is durable when `send` returns, belongs to every
group that the topics registry names, and is delivered again after a crash until it is committed. A message that no
group waits for any more is removed, so the file stays small. Each group is consumed by one process at a time.
"""

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.kit.errors import TransientError
from services.kit.local_log_schema import SCHEMA, decode_headers, encode_headers
from services.kit.topics import Topic, topics
from services.kit.transport import Outgoing, Received

# A message without a deadline comes after every message that has one.
_NO_DEADLINE = 1e15


class LocalLog:
    """The log and its groups. Safe for use by several threads; `close` when done."""

    def __init__(self, path: Path, registry: Mapping[str, Topic] | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.topics = topics() if registry is None else registry
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._db.executescript(SCHEMA)
        self._changed = threading.Condition(threading.Lock())
        self._version = 0

    def producer(self) -> "LocalLog":
        return self

    def consumer(self, group: str, topics: Sequence[str]) -> "LocalConsumer":
        return LocalConsumer(self, group, topics)

    def send(self, messages: Iterable[Outgoing]) -> None:
        rows = list(messages)
        if not rows:
            return
        with self.changing():
            for message in rows:
                self._append(message)

    def waiting(self) -> dict[tuple[str, str], int]:
        """How many messages wait, by (group, topic); a group and topic without any is left out."""
        with self._changed:
            rows = self._db.execute('SELECT "group", topic, COUNT(*) FROM pending GROUP BY "group", topic').fetchall()
        return {(group, topic): count for group, topic, count in rows}

    def dead_letters(self) -> list[dict[str, Any]]:
        """Every message that was rejected: topic, group, key, value (bytes), reason, moment (unix s)."""
        with self._changed:
            cursor = self._db.execute('SELECT topic, "group", key, value, reason, at FROM dead_letters ORDER BY id')
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def close(self) -> None:
        with self._changed:
            self._db.close()

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction; wakes the consumers. Raises TransientError when the disk does not take it."""
        with self._changed:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._rollback()
                raise TransientError(f"the message log cannot be written now ({error}): check its disk") from error
            except BaseException:
                self._rollback()
                raise
            self._version += 1
            self._changed.notify_all()

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._version

    def wait_for_change(self, since: int, timeout_s: float) -> None:
        """Return when something changed after version `since`, or `timeout_s` has passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != since, timeout_s)

    def fetch(self, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._changed:
            return self._db.execute(query, parameters).fetchall()

    def _append(self, message: Outgoing) -> None:
        topic = self.topics[message.topic]
        if not isinstance(message.value, topic.message):
            raise TypeError(f"topic {topic.name} carries {topic.message.__name__}, not {type(message.value).__name__}")
        deadline = message.deadline.timestamp() if message.deadline else _NO_DEADLINE
        value = message.value.SerializeToString(deterministic=True)
        cursor = self._db.execute(
            "INSERT INTO messages (topic, key, value, deadline, headers) VALUES (?, ?, ?, ?, ?)",
            (topic.name, message.key, value, deadline, encode_headers(message.headers)),
        )
        self._db.executemany(
            'INSERT INTO pending ("group", topic, deadline, message) VALUES (?, ?, ?, ?)',
            [(group, topic.name, deadline, cursor.lastrowid) for group in topic.consumers],
        )


class LocalConsumer:
    """One group's view of some topics, for one thread. What it delivered and did not commit is delivered at restart."""

    def __init__(self, log: LocalLog, group: str, topics: Sequence[str]) -> None:
        self._log = log
        self._group = group
        self._topics = tuple(topics)
        # Delivered and neither committed nor given back: message id -> attempts so far.
        self._delivered: dict[int, int] = {}
        self._not_before: dict[int, tuple[float, int]] = {}

    def poll(self, limit: int, timeout_s: float) -> Sequence[Received]:
        version = self._log.version
        batch = self._take(limit)
        if not batch and timeout_s > 0:
            self._log.wait_for_change(version, timeout_s)
            batch = self._take(limit)
        return batch

    def commit(self, messages: Sequence[Received]) -> None:
        with self._log.changing() as db:
            for message in messages:
                self._remove(db, message)
        self._forget(messages)

    def retry(self, messages: Sequence[Received], delay_s: float) -> None:
        self._forget(messages)
        for message in messages:
            self._not_before[message.position] = (time.monotonic() + delay_s, message.attempts + 1)

    def reject(self, message: Received, reason: str) -> None:
        with self._log.changing() as db:
            row = (message.topic, self._group, message.key, message.value.SerializeToString(), reason, time.time())
            db.execute(
                'INSERT INTO dead_letters (topic, "group", key, value, reason, at) VALUES (?, ?, ?, ?, ?, ?)', row
            )
            self._remove(db, message)
        self._forget([message])

    def close(self) -> None:
        self._delivered.clear()

    def _forget(self, messages: Sequence[Received]) -> None:
        for message in messages:
            self._delivered.pop(message.position, None)
            self._not_before.pop(message.position, None)

    def _take(self, limit: int) -> list[Received]:
        """The most urgent message that may be delivered, and others of its topic behind it."""
        marks = ", ".join("?" * len(self._topics))
        rows = self._log.fetch(
            f"""SELECT m.id, m.topic, m.key, m.value, m.deadline, m.headers
                FROM pending p JOIN messages m ON m.id = p.message
                WHERE p."group" = ? AND p.topic IN ({marks})
                ORDER BY p.deadline, p.message LIMIT ?""",  # noqa: S608 - only question marks are put in
            (self._group, *self._topics, limit + len(self._delivered) + len(self._not_before)),
        )
        free = [row for row in rows if self._may_deliver(row[0])]
        batch = [self._receive(row) for row in free if row[1] == free[0][1]][:limit]
        self._delivered.update({message.position: message.attempts for message in batch})
        return batch

    def _may_deliver(self, position: int) -> bool:
        waits_until, _ = self._not_before.get(position, (0.0, 0))
        return position not in self._delivered and time.monotonic() >= waits_until

    def _receive(self, row: tuple[Any, ...]) -> Received:
        position, topic, key, value, deadline, headers = row
        return Received(
            topic=topic,
            key=key,
            value=self._log.topics[topic].message.FromString(value),
            position=position,
            deadline=None if deadline >= _NO_DEADLINE else datetime.fromtimestamp(deadline, UTC),
            headers=decode_headers(headers),
            attempts=self._not_before.get(position, (0.0, 0))[1],
        )

    def _remove(self, db: sqlite3.Connection, message: Received) -> None:
        db.execute('DELETE FROM pending WHERE "group" = ? AND message = ?', (self._group, message.position))
        db.execute(
            "DELETE FROM messages WHERE id = ? AND NOT EXISTS (SELECT 1 FROM pending WHERE message = messages.id)",
            (message.position,),
        )
