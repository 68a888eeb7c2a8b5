"""How the local log lies in its SQLite file."""

import json
import sqlite3
import time
from collections.abc import Mapping
from datetime import UTC, datetime

# How long another process may be at work on a new file, and how soon it is tried again.
_LONGEST_S, _AGAIN_S = 30.0, 0.01

# A message without a deadline comes after every message that has one.
_NO_DEADLINE = 1e15

# WAL with FULL: a committed message survives kill -9 and power loss. The limit gives back what a burst took of the
# write-ahead file; in the main file SQLite uses the room of removed messages again, so neither grows without end.
_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", f"journal_size_limit = {16 << 20}")

_TABLES = (
    """CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
        deadline REAL NOT NULL, headers TEXT NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS pending (
        "group" TEXT NOT NULL, topic TEXT NOT NULL, deadline REAL NOT NULL, message INTEGER NOT NULL,
        PRIMARY KEY ("group", deadline, message)
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS pending_message ON pending (message)",
    """CREATE TABLE IF NOT EXISTS dead_letters (
        id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, "group" TEXT NOT NULL, key TEXT NOT NULL,
        value BLOB NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL
    )""",
)

# Columns that came after the first version, by table.
_LATER_COLUMNS = {
    "dead_letters": {
        "deadline": f"REAL NOT NULL DEFAULT {_NO_DEADLINE}",
        "headers": "TEXT NOT NULL DEFAULT '{}'",
        "attempts": "INTEGER NOT NULL DEFAULT 1",
    }
}


def prepare(db: sqlite3.Connection) -> None:
    """Make or upgrade the tables; several processes may do so at once. Raises sqlite3.DatabaseError."""
    for pragma in _PRAGMAS:
        _set(db, pragma)
    db.execute("BEGIN IMMEDIATE")
    for statement in _TABLES:
        db.execute(statement)
    for table, name in _lacking(db):
        db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {_LATER_COLUMNS[table][name]}")
    db.execute("COMMIT")


def is_current(db: sqlite3.Connection) -> bool:
    """Whether nothing is left for `prepare` to upgrade. Raises sqlite3.DatabaseError."""
    return not _lacking(db)


def _lacking(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Tables and their columns that a log of an older version is without."""
    present = {table: {row[1] for row in db.execute(f"PRAGMA table_info({table})")} for table in _LATER_COLUMNS}
    return [(table, name) for table, columns in _LATER_COLUMNS.items() for name in columns.keys() - present[table]]


def _set(db: sqlite3.Connection, pragma: str) -> None:
    """SQLite does not wait for another process that changes a new file's journal at that moment: it is asked again."""
    until = time.monotonic() + _LONGEST_S
    while True:
        try:
            db.execute(f"PRAGMA {pragma}")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def encode_headers(headers: Mapping[str, str]) -> str:
    return json.dumps(dict(headers), sort_keys=True)


def decode_headers(text: str) -> Mapping[str, str]:
    return {str(key): str(value) for key, value in json.loads(text).items()}


def encode_deadline(deadline: datetime | None) -> float:
    return deadline.timestamp() if deadline else _NO_DEADLINE


def decode_deadline(moment: float) -> datetime | None:
    return None if moment >= _NO_DEADLINE else datetime.fromtimestamp(moment, UTC)
