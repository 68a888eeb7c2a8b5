"""How a SQLite state database comes to the tables that the code expects."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import import_module

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from services.kit.database import Database, StateUnusable, upsert
from tests.unit.kit.migrated_tables import FIRST, SECOND, tables_in, write_migration

SERVICES = ("ingestion", "lis", "reasoning", "review")
FAILING = """
    op.add_column("names", Column("more", String))
    op.execute("INSERT INTO nowhere VALUES (1)")
"""


def columns_and_version(path):
    with closing(sqlite3.connect(path)) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(names)")]
        return columns, db.execute("SELECT version_num FROM alembic_version").fetchall()


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_end_in_the_tables_of_the_code(service, tmp_path):
    tables = import_module(f"services.{service}.tables").METADATA
    database = Database.in_file(tmp_path / "d.db", tables)
    with database.transaction() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables) == []
    database.close()


def test_what_an_earlier_version_wrote_is_kept(tmp_path):
    tables, table = tables_in(tmp_path, FIRST)
    database = Database.in_file(tmp_path / "d.db", tables)
    with database.transaction() as connection:
        upsert(connection, table, {"key": "a", "value": "1"})
    database.close()
    write_migration(tmp_path, 2, SECOND)
    database = Database.in_file(tmp_path / "d.db", tables)
    with database.transaction() as connection:
        assert connection.execute(select(table)).one().value == "1"
    database.close()
    assert columns_and_version(tmp_path / "d.db") == (["key", "value", "more"], [("0002",)])


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path):
    tables, _ = tables_in(tmp_path, FIRST)
    Database.in_file(tmp_path / "d.db", tables).close()
    write_migration(tmp_path, 2, FAILING)
    with pytest.raises(StateUnusable, match="nowhere") as caught:
        Database.in_file(tmp_path / "d.db", tables)
    assert isinstance(caught.value.__cause__, OperationalError)
    assert columns_and_version(tmp_path / "d.db") == (["key", "value"], [("0001",)])


def test_the_state_of_a_newer_frottis_is_refused(tmp_path):
    newer, _ = tables_in(tmp_path / "newer", FIRST, SECOND)
    older, _ = tables_in(tmp_path / "older", FIRST)
    Database.in_file(tmp_path / "d.db", newer).close()
    with pytest.raises(StateUnusable, match="newer Frottis"):
        Database.in_file(tmp_path / "d.db", older)
    assert columns_and_version(tmp_path / "d.db") == (["key", "value", "more"], [("0002",)])


STARTED = """
import sys
from pathlib import Path
from services.kit.database import Database
from services.lis.tables import METADATA
print("ready", flush=True)
sys.stdin.readline()
Database.in_file(Path(sys.argv[1]), METADATA).close()
"""


def test_processes_that_start_together_migrate_once(tmp_path):
    command = [sys.executable, "-c", STARTED, str(tmp_path / "lis.db")]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], told
