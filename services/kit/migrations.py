"""The migrations of a service's tables, with Alembic: files 0001_….py, 0002_….py … in its folder migrations/versions.

They form one line; the number of the last is the version that the service's code works with. Each does its work within
the transaction that the caller holds, on SQLite and PostgreSQL alike.
"""

import logging
from pathlib import Path

from sqlalchemy import Connection, MetaData, inspect, text

from services.kit.database_errors import StateUnusable

FIRST = "0001"
_FOLDER = "migrations"
_VERSION_TABLE = "alembic_version"

# It tells each step, also those of a state folder that is new.
logging.getLogger("alembic").setLevel(logging.WARNING)


def tables_of(module: str) -> MetaData:
    """For the tables of the service whose module (`__file__`) this is; its migrations lie beside it."""
    return MetaData(info={_FOLDER: Path(module).with_name(_FOLDER)})


def migrate(connection: Connection, tables: MetaData) -> bool:
    """Bring the tables to the last version; False when they were. Raises StateUnusable, DBAPIError."""
    behind = _version(connection) != _last(tables)
    if behind:
        _refuse_newer(connection, tables)
        _run(connection, tables)
    return behind


def require_migrated(connection: Connection, tables: MetaData, otherwise: str) -> None:
    """Raises StateUnusable when the tables are not at the last version: `otherwise`, which says what to do."""
    if _version(connection) != _last(tables):
        _refuse_newer(connection, tables)
        raise StateUnusable(otherwise)


def _refuse_newer(connection: Connection, tables: MetaData) -> None:
    version, last = _version(connection), _last(tables)
    if version is not None and version > last:
        raise StateUnusable(
            f"the state database is of a newer Frottis (version {version}, this one knows {last}): start that one"
        )


def _run(connection: Connection, tables: MetaData) -> None:
    # Alembic takes longer to import than to find nothing to do.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    folder = tables.info[_FOLDER]
    script = ScriptDirectory(folder, version_locations=[folder / "versions"])
    steps = script._upgrade_revs  # noqa: SLF001 - what Alembic's own upgrade command calls; there is no other way
    with EnvironmentContext(Config(), script, fn=lambda version, _: steps("head", version)) as environment:
        environment.configure(connection=connection)
        if _version(connection) is None and _has_tables(connection, tables):
            # Frottis 0.1.0 made its tables without saying their version; the first migration makes the same.
            environment.get_context().stamp(script, FIRST)
        environment.run_migrations()


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608
    return None if found is None else str(found)


def _has_tables(connection: Connection, tables: MetaData) -> bool:
    return any(inspect(connection).has_table(name) for name in tables.tables)


def _last(tables: MetaData) -> str:
    folder: Path = tables.info[_FOLDER]
    return max(path.name.split("_")[0] for path in (folder / "versions").glob("[0-9]*_*.py"))
