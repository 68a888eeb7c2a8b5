"""The in-process transport: a durable log in one SQLite file, most urgent message first.

It gives the embedded default what Kafka gives production: a message is durable when `send` returns, belongs to every
group that the topics registry names, and is delivered again after a crash until it is committed. A message that no
group waits for any more is removed, so the file stays small. Each group is consumed by one process at a time, which
the lock of `services.kit.lock` sees to; what another process sends is seen when a poll ends.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from services.kit.clock import Clock, SystemClock
from services.kit.local_consumer import LocalConsumer
from services.kit.local_dead_letters import LocalDeadLetters
from services.kit.local_file import LogFile
from services.kit.local_log_schema import encode_deadline, encode_headers
from services.kit.topics import Topic, topics
from services.kit.transport import Outgoing

_SYSTEM_CLOCK = SystemClock()


class LocalLog:
    """The log and its groups. Safe for use by several threads; `close` when done. Raises StateUnusable.

    Opened `to_read` it tells what waits and what was rejected, also from a disk that takes nothing.
    """

    def __init__(
        self,
        path: Path,
        registry: Mapping[str, Topic] | None = None,
        clock: Clock = _SYSTEM_CLOCK,
        *,
        to_read: bool = False,
    ) -> None:
        self._topics = topics() if registry is None else registry
        self._clock = clock
        self._file = LogFile(path, to_read=to_read)

    def producer(self) -> "LocalLog":
        return self

    def consumer(self, group: str, topics: Sequence[str]) -> LocalConsumer:
        return LocalConsumer(self._file, group, {name: self._topics[name] for name in topics}, self._clock)

    def dead_letters(self) -> LocalDeadLetters:
        return LocalDeadLetters(self._file, self._topics)

    def send(self, messages: Iterable[Outgoing]) -> None:
        rows = list(messages)
        if not rows:
            return
        with self._file.changing() as db:
            for message in rows:
                self._append(db, message)

    def waiting(self, groups: Collection[str] | None = None) -> dict[tuple[str, str], int]:
        rows = self._file.fetch('SELECT "group", topic, COUNT(*) FROM pending GROUP BY "group", topic')
        return {(group, topic): count for group, topic, count in rows if groups is None or group in groups}

    def drop_departed(self) -> Mapping[tuple[str, str], int]:
        """Remove what waits for a group that no longer takes its topic, as nobody ever will; counts by (group, topic).

        The registry changes with a version of Frottis, so this is for the start of a process. A group that is new to a
        topic gets what is sent from then on.
        """
        departed = {
            (group, topic): count
            for (group, topic), count in self.waiting().items()
            if topic not in self._topics or group not in self._topics[topic].consumers
        }
        if departed:
            with self._file.changing() as db:
                db.executemany('DELETE FROM pending WHERE "group" = ? AND topic = ?', list(departed))
                db.execute("DELETE FROM messages WHERE id NOT IN (SELECT message FROM pending)")
        return departed

    def close(self) -> None:
        self._file.close()

    def _append(self, db: sqlite3.Connection, message: Outgoing) -> None:
        topic = self._topics[message.topic]
        value, deadline = topic.encode(message.value), encode_deadline(message.deadline)
        cursor = db.execute(
            "INSERT INTO messages (topic, key, value, deadline, headers) VALUES (?, ?, ?, ?, ?)",
            (topic.name, message.key, value, deadline, encode_headers(message.headers)),
        )
        db.executemany(
            'INSERT INTO pending ("group", topic, deadline, message) VALUES (?, ?, ?, ?)',
            [(group, topic.name, deadline, cursor.lastrowid) for group in topic.consumers],
        )
