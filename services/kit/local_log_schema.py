"""How the local log lies in its SQLite file."""

import json
from collections.abc import Mapping

# WAL with FULL: a committed message survives kill -9 and power loss.
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    deadline REAL NOT NULL, headers TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS pending (
    "group" TEXT NOT NULL, topic TEXT NOT NULL, deadline REAL NOT NULL, message INTEGER NOT NULL,
    PRIMARY KEY ("group", deadline, message)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pending_message ON pending (message);
CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, "group" TEXT NOT NULL, key TEXT NOT NULL,
    value BLOB NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL
);
"""


def encode_headers(headers: Mapping[str, str]) -> str:
    return json.dumps(dict(headers), sort_keys=True)


def decode_headers(text: str) -> Mapping[str, str]:
    return {str(key): str(value) for key, value in json.loads(text).items()}
