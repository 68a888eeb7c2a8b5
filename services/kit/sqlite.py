"""SQLite as a state database: durable, and one transaction at a time."""

from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event

# Deleted rows are overwritten: patient data must not stay in the file's free pages.
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000", "secure_delete=ON")


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
