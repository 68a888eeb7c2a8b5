"""The SQLite file of the local log: one connection for all threads of a process, and waiting for its changes."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.kit.database import StateUnusable
from services.kit.errors import TransientError
from services.kit.local_log_schema import is_current, prepare
from services.kit.sqlite import reading_connection, remedy


class LogFile:
    """Durable transactions on the file. Safe for use by several threads. Raises StateUnusable.

    One that is opened `to_read` changes nothing, and needs neither room nor permission for it.
    """

    def __init__(self, path: Path, *, to_read: bool = False) -> None:
        if not to_read:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = _opened(path, to_read)
        self._changed = threading.Condition(threading.Lock())
        self._version = 0

    @property
    def version(self) -> int:
        """Grows with every change that this process makes, and with every call of `wake`."""
        return self._version

    def wait_for_change(self, since: int, timeout_s: float) -> None:
        """Return when this process changed something after version `since`, or `timeout_s` has passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != since, timeout_s)

    def wake(self) -> None:
        """Let those who wait look again."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction; wakes those who wait. Raises TransientError when the disk does not take it."""
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

    def fetch(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query. Raises TransientError when the disk does not give them."""
        with self._changed:
            try:
                return self._db.execute(query, parameters).fetchall()
            except sqlite3.OperationalError as error:
                raise TransientError(f"the message log cannot be read now ({error}): check its disk") from error

    def close(self) -> None:
        with self._changed:
            self._db.close()

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _opened(path: Path, to_read: bool) -> sqlite3.Connection:
    try:
        if to_read:
            return _read(path)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error
    try:
        prepare(db)
    except sqlite3.DatabaseError as error:
        db.close()
        raise _unusable(path, error) from error
    return db


def _read(path: Path) -> sqlite3.Connection:
    db = reading_connection(path)
    if is_current(db):
        return db
    db.close()
    raise StateUnusable(f"the message log {path} is of an older Frottis: start `frottis run` on its folder once")


def _unusable(path: Path, error: sqlite3.DatabaseError) -> StateUnusable:
    return StateUnusable(f"the message log {path} cannot be used ({error}): {remedy(error)}")
