"""A service's own state: a SQLite file in the embedded default, a schema of PostgreSQL in a cluster.

Statements go through SQLAlchemy Core, the same ones for both.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from services.kit.database_errors import StateUnusable, cause, is_transient, refused
from services.kit.database_settings import DatabaseSettings
from services.kit.errors import TransientError
from services.kit.migrations import migrate, require_migrated
from services.kit.postgres import check_server, postgres_engine
from services.kit.sqlite import reading_engine, remedy, sqlite_engine

__all__ = ["Database", "StateUnusable", "upsert"]

Check = Callable[[Connection], None]


class Database:
    """One service's tables. Transactions are serialised by the database and durable when `transaction()` returns."""

    def __init__(self, engine: Engine, check: Check | None = None, *, exclusive: bool = False) -> None:
        """`check` is made within the first transaction that reaches the database.

        `exclusive`: one process at a time has the database, as a file in a state folder (`services.kit.lock`).
        """
        self.engine = engine
        self.exclusive = exclusive
        self._check = check
        self._problem: str | None = None

    @classmethod
    def in_file(cls, path: Path, tables: MetaData) -> "Database":
        """SQLite in `path`, its folder made when absent, its tables made or migrated. Raises StateUnusable."""
        path.parent.mkdir(parents=True, exist_ok=True)
        database = cls(sqlite_engine(path), exclusive=True)
        try:
            with database.engine.begin() as connection:
                migrate(connection, tables)
        except DBAPIError as error:
            database.close()
            raise _unusable(path, error) from error
        return database

    @classmethod
    def read_file(cls, path: Path, tables: MetaData) -> "Database":
        """What another process keeps in `path`, for reading alone: nothing is written, made or migrated.

        Raises StateUnusable.
        """
        older = (
            f"the state database {path} is of an older Frottis, or was never finished: start `frottis run` on its "
            "folder once"
        )
        with ExitStack() as opened:
            try:
                database = cls(reading_engine(path))
                opened.callback(database.close)
                with database.engine.begin() as connection:
                    require_migrated(connection, tables, older)
            except DBAPIError as error:
                raise _unusable(path, error) from error
            opened.pop_all()
        return database

    @classmethod
    def on_server(cls, settings: DatabaseSettings, service: str, tables: MetaData) -> "Database":
        """The service's schema on PostgreSQL. Raises StateUnusable where its tables are not made for this Frottis.

        A server that is away at the start is waited for: by then transactions raise TransientError.
        """

        def check(connection: Connection) -> None:
            check_server(connection)
            require_migrated(
                connection,
                tables,
                f"the tables of {service} are not made for this Frottis: run services.kit.migrate as their owner",
            )

        database = cls(postgres_engine(settings, service), check)
        try:
            with suppress(TransientError), database.transaction():
                pass
        except BaseException:
            database.close()
            raise
        return database

    def problem(self) -> str | None:
        """Why the database could not be used at the last try; None when it could."""
        return self._problem

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing. Raises TransientError when the database cannot be used now (locked, away, disk full)."""
        try:
            with self.engine.begin() as connection:
                self._make_check(connection)
                yield connection
        except NoConnectionFree:
            raise self._away("every connection is in use") from None
        except DBAPIError as error:
            raise self._away(cause(error)) if is_transient(error) else refused(error) from None
        self._problem = None

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def _make_check(self, connection: Connection) -> None:
        if self._check is not None:
            self._check(connection)
            self._check = None

    def _away(self, reason: str) -> TransientError:
        self._problem = f"the state database cannot be used now ({reason}): check the disk or server it lies on"
        return TransientError(self._problem)


def _unusable(path: Path, error: DBAPIError) -> StateUnusable:
    return StateUnusable(f"the state database {path} cannot be used ({cause(error)}): {remedy(error.orig)}")


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
