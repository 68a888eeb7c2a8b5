"""One group's view of the local log."""

import math
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from services.kit.clock import Clock
from services.kit.local_dead_letters import bury
from services.kit.local_file import LogFile
from services.kit.local_log_schema import decode_deadline, decode_headers
from services.kit.topics import Topic, Unreadable
from services.kit.transport import Received


class LocalConsumer:
    """For one thread. What it delivered and did not commit is delivered at the next start."""

    def __init__(self, file: LogFile, group: str, topics: Mapping[str, Topic], clock: Clock) -> None:
        self._file = file
        self._group = group
        self._topics = topics
        self._clock = clock
        # Delivered and neither committed nor given back.
        self._delivered: set[int] = set()
        # Given back, or delivered again since: when it may come again (monotonic, s), and its attempts so far.
        self._not_before: dict[int, tuple[float, int]] = {}

    def poll(self, limit: int, timeout_s: float) -> Sequence[Received]:
        version = self._file.version
        batch = self._take(limit)
        if not batch and timeout_s > 0:
            self._file.wait_for_change(version, min(timeout_s, self._next_due_s()))
            batch = self._take(limit)
        return batch

    def wake(self) -> None:
        self._file.wake()

    def commit(self, messages: Sequence[Received]) -> None:
        with self._file.changing() as db:
            for message in messages:
                self._remove(db, message)
        self._forget(messages)

    def retry(self, messages: Sequence[Received], delay_s: float) -> None:
        self._forget(messages)
        for message in messages:
            self._not_before[message.position] = (self._clock.monotonic() + delay_s, message.attempts + 1)

    def reject(self, message: Received, reason: str) -> None:
        with self._file.changing() as db:
            bury(db, message, self._group, reason, self._clock.now())
            self._remove(db, message)
        self._forget([message])

    def close(self) -> None:
        self._delivered.clear()

    def _forget(self, messages: Sequence[Received]) -> None:
        for message in messages:
            self._delivered.discard(message.position)
            self._not_before.pop(message.position, None)

    def _next_due_s(self) -> float:
        """In how many seconds a message that was given back may come again; infinite without any."""
        waiting = (due for position, (due, _) in self._not_before.items() if position not in self._delivered)
        return max(min(waiting, default=math.inf) - self._clock.monotonic(), 0.0)

    def _take(self, limit: int) -> list[Received]:
        """The most urgent message that may be delivered, and others of its topic behind it."""
        marks = ", ".join("?" * len(self._topics))
        rows = self._file.fetch(
            f"""SELECT m.id, m.topic, m.key, m.value, m.deadline, m.headers
                FROM pending p JOIN messages m ON m.id = p.message
                WHERE p."group" = ? AND p.topic IN ({marks})
                ORDER BY p.deadline, p.message LIMIT ?""",  # noqa: S608 - only question marks are put in
            (self._group, *self._topics, limit + len(self._delivered | self._not_before.keys())),
        )
        free = [row for row in rows if self._may_deliver(row[0])]
        batch = [self._receive(row) for row in free if row[1] == free[0][1]][:limit]
        self._delivered.update(message.position for message in batch)
        return batch

    def _may_deliver(self, position: int) -> bool:
        if position in self._delivered:
            return False
        return position not in self._not_before or self._clock.monotonic() >= self._not_before[position][0]

    def _receive(self, row: tuple[Any, ...]) -> Received:
        position, topic, key, raw, deadline, headers = row
        value, unreadable = None, None
        try:
            value = self._topics[topic].decode(raw)
        except Unreadable as error:
            unreadable = str(error)
        return Received(
            topic=topic,
            key=key,
            value=value,
            position=position,
            deadline=decode_deadline(deadline),
            headers=decode_headers(headers),
            attempts=self._not_before.get(position, (0.0, 0))[1],
            raw=raw,
            unreadable=unreadable,
            origin={"messaging.system": "frottis_log", "messaging.message.id": str(position)},
        )

    def _remove(self, db: sqlite3.Connection, message: Received) -> None:
        db.execute('DELETE FROM pending WHERE "group" = ? AND message = ?', (self._group, message.position))
        db.execute(
            "DELETE FROM messages WHERE id = ? AND NOT EXISTS (SELECT 1 FROM pending WHERE message = messages.id)",
            (message.position,),
        )
