"""A service's own state: SQLite in the embedded default.

Statements go through SQLAlchemy Core, so that PostgreSQL takes the same ones.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, OperationalError

from services.kit.errors import FrottisError, TransientError


class StateUnusable(FrottisError):
    """A state database is damaged, of another making, or not to be written."""


class Database:
    """One service's tables. Transactions are serialised by the database and durable when `transaction()` returns."""

    def __init__(self, engine: Engine, metadata: MetaData) -> None:
        self.engine = engine
        try:
            metadata.create_all(engine)
        except DatabaseError as error:
            raise StateUnusable(
                f"the state database {engine.url.database} cannot be used ({error.orig}): give access, or restore it"
            ) from error

    @classmethod
    def in_file(cls, path: Path, metadata: MetaData) -> "Database":
        """SQLite in `path`, its folder made when absent; survives kill -9 and power loss."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(_sqlite(f"sqlite:///{path}"), metadata)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing. Raises TransientError when the database cannot be written now (locked, disk full)."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except OperationalError as error:
            raise TransientError(
                f"the state database cannot be used now ({error.orig}): check the disk it lies on"
            ) from error

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def upsert(connection: Connection, table: Table, row: Mapping[str, object]) -> None:
    """Insert `row`, or replace the row of the same primary key."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**row)
    key = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in row if name not in key}
    if changed:
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))
    else:
        connection.execute(statement.on_conflict_do_nothing(index_elements=key))


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 30, "isolation_level": None}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _durable(connection: object, _record: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

    # The write lock is taken at the start: between a transaction's reads and its writes nothing else may change.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
