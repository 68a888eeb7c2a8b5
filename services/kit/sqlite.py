"""SQLite as a state database: durable, one transaction at a time; and read beside that without writing anything."""

import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event

# Deleted rows are overwritten: patient data must not stay in the file's free pages.
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000", "secure_delete=ON")
# What to do about an error, by SQLite's code of it; the more particular codes come with the cause in their upper bits.
_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_WRITE})
_NO_ACCESS = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
_IN_USE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_DISK = frozenset({*_NO_ROOM, *_NO_ACCESS, sqlite3.SQLITE_IOERR})


def sqlite_engine(path: Path) -> Engine:
    """An engine on the file, which survives kill -9 and power loss."""
    arguments = {"timeout": 30, "isolation_level": None}
    engine = create_engine(f"sqlite:///{path}", connect_args=arguments, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _durable(connection: object, _record: object) -> None:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

    # The write lock is taken at the start: between a transaction's reads and its writes nothing else may change.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reading_engine(path: Path) -> Engine:
    """An engine on `reading_connection`: its connections raise DBAPIError when the file cannot be read."""
    engine = create_engine(f"sqlite:///{path}", creator=partial(reading_connection, path), hide_parameters=True)

    # What one transaction reads is of one moment.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def reading_connection(path: Path) -> sqlite3.Connection:
    """A connection that reads the file, beside a process that writes it, also from a disk that takes nothing.

    Raises sqlite3.DatabaseError when it cannot be read.
    """
    *others, last = _ways(path)
    for way in others:
        try:
            return _connected(path, way)
        except sqlite3.DatabaseError as error:
            if _base(error) not in _DISK:
                raise
    return _connected(path, last)


def remedy(error: BaseException | None) -> str:
    """What to do about a database that cannot be used because of this error of SQLite."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code in _NO_ROOM:
        return "make room on its disk"
    if _base(error) in _NO_ACCESS:
        return "give access to it and to its folder"
    if _base(error) in _IN_USE:
        return "another process works on it: try again"
    if _base(error) in _DAMAGED:
        return "restore it"
    return "check the disk that it lies on, or restore it"


def _ways(path: Path) -> Iterator[str]:
    """How to open the file for reading, the most careful first."""
    # SQLite makes the file -shm, which says to readers what the file -wal holds, where it is not there.
    yield "mode=ro"
    # One that was left behind is read as it is, and what it would say is found out from -wal.
    yield "mode=ro&readonly_shm=1"
    log = path.with_name(f"{path.name}-wal")
    if not (log.is_file() and log.stat().st_size):
        # Nobody is at work and every change is in the file itself.
        yield "immutable=1"


def _connected(path: Path, way: str) -> sqlite3.Connection:
    """Connected, and once read from: before, SQLite does not know whether it can."""
    uri = f"{path.absolute().as_uri()}?{way}"
    connection = sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _base(error: BaseException | None) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF
