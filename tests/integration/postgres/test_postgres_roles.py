"""Who may do what: a service reads and writes its own rows, and nothing else."""

import json
import os
import subprocess
import sys
from importlib import import_module

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from services.kit.database import Database, StateUnusable
from services.kit.migrate import OWNER, with_migrations
from services.review.tables import METADATA
from stack.postgres import ADMINISTRATOR, SCRIPTS

SERVICES = ("ingestion", "lis", "reasoning", "review")


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_end_in_the_tables_of_the_code(postgres, service):
    tables = import_module(f"services.{service}.tables").METADATA
    database = Database.on_server(postgres.settings(f"frottis_{service}"), service, tables)
    with database.transaction() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables) == []
    database.close()


def test_every_service_with_tables_has_a_role_and_a_schema():
    assert tuple(with_migrations()) == SERVICES
    script = (SCRIPTS / "roles.sql").read_text(encoding="utf-8")
    assert f"ARRAY[{', '.join(map(repr, SERVICES))}]" in script


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM lis.orders",
        "SELECT * FROM lis.outbox",
        "DELETE FROM review.scans",
        "CREATE TABLE ingestion.mine (n int)",
        "CREATE TABLE public.mine (n int)",
        "CREATE TEMPORARY TABLE mine (n int)",
        "CREATE SCHEMA mine",
        "DROP TABLE ingestion.scans",
        "TRUNCATE ingestion.scans",
        "ALTER TABLE ingestion.scans ADD COLUMN n int",
        "UPDATE ingestion.alembic_version SET version_num = '9999'",
        "SET ROLE frottis_owner",
        "CREATE ROLE mine",
        "COPY ingestion.scans TO PROGRAM 'cat'",
    ],
)
def test_ingestion_may_not(postgres, statement):
    with postgres.connect("frottis_ingestion") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_ingestion_may_read_and_write_its_rows(postgres):
    with postgres.connect("frottis_ingestion") as connection:
        connection.execute("INSERT INTO ingestion.pixels VALUES ('s1', 0, false)")
        connection.execute("UPDATE ingestion.pixels SET age_s = 1 WHERE slide_id = 's1'")
        assert connection.execute("DELETE FROM ingestion.pixels WHERE slide_id = 's1'").rowcount == 1


def test_two_migrations_at_the_same_time_are_one(postgres):
    with postgres.connect(ADMINISTRATOR) as connection:
        connection.execute("DROP SCHEMA review CASCADE")
        connection.execute((SCRIPTS / "roles.sql").read_bytes())
    with pytest.raises(StateUnusable, match=r"run services\.kit\.migrate"):
        Database.on_server(postgres.settings("frottis_review"), "review", METADATA)
    command = [sys.executable, "-m", "services.kit.migrate", "review"]
    environment = {**os.environ, **postgres.environment(OWNER)}
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], told
    events = [json.loads(line)["event"] for text in told for line in text.splitlines()]
    said = [event for event in events if event.startswith("tables")]
    assert sorted(said) == ["tables migrated", "tables were migrated before"]
    Database.on_server(postgres.settings("frottis_review"), "review", METADATA).close()


@pytest.mark.parametrize(
    ("role", "services", "told"),
    [("frottis_lis", ["lis"], None), (OWNER, ["analysis"], "no service with tables; known are ingestion")],
)
def test_the_command_tells_what_it_lacks_and_no_secret(postgres, role, services, told):
    command = [sys.executable, "-m", "services.kit.migrate", *services]
    environment = {**os.environ, **postgres.environment(role)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if told is None:
        assert done.returncode == 0, "nothing is left to do, which the service's own role can see"
    else:
        assert done.returncode == 2
        assert told in done.stderr
    assert postgres.password_file(role).read_text() not in done.stdout + done.stderr
