import pytest
from sqlalchemy import insert, select

from services.kit.database import Database, StateUnusable, upsert
from services.kit.database_errors import StatementRefused
from services.kit.errors import TransientError
from tests.unit.kit.migrated_tables import FIRST, tables_in


@pytest.fixture
def names(tmp_path):
    return tables_in(tmp_path, FIRST)


@pytest.fixture
def database(tmp_path, names):
    opened = Database.in_file(tmp_path / "d.db", names[0])
    yield opened
    opened.close()


def test_an_upsert_replaces_the_row_of_the_same_key(database, names):
    table = names[1]
    with database.transaction() as connection:
        upsert(connection, table, {"key": "a", "value": "1"})
        upsert(connection, table, {"key": "a", "value": "2"})
        assert connection.execute(select(table.c.value)).scalars().all() == ["2"]


def test_a_failed_transaction_leaves_nothing(database, names):
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        upsert(connection, names[1], {"key": "a"})
        raise ZeroDivisionError
    with database.transaction() as connection:
        assert connection.execute(select(names[1])).all() == []


def test_a_statement_that_is_not_taken_is_a_defect_and_tells_no_value(database, names):
    twice = insert(names[1]).values([{"key": "Marie", "value": "Curie"}, {"key": "Marie", "value": "Skłodowska"}])
    with (
        pytest.raises(StatementRefused, match=r"UNIQUE constraint failed: names\.key") as caught,
        database.transaction() as connection,
    ):
        connection.execute(twice)
    assert "Marie" not in str(caught.value)
    assert "Curie" not in str(caught.value)
    assert database.problem() is None


def test_a_full_disk_is_a_problem_until_there_is_room(database, names):
    def write_and(pragma):
        with database.transaction() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pragma}")
            upsert(connection, names[1], {"key": "a", "value": "x" * 100_000})

    with pytest.raises(TransientError, match="database or disk is full"):
        write_and(1)
    assert "database or disk is full" in database.problem()
    write_and(1_000_000)
    assert database.problem() is None


def test_a_damaged_state_database_is_told_as_such(tmp_path, names):
    (tmp_path / "d.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StateUnusable, match="state database"):
        Database.in_file(tmp_path / "d.db", names[0])
