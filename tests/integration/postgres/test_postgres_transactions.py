"""Transactions on PostgreSQL are what they are on SQLite: one at a time, all or nothing, durable."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert, select, text

from services.ingestion.store import KnownScan, ScanStore
from services.ingestion.tables import METADATA as INGESTION
from services.kit.clock import from_timestamp, to_timestamp
from services.kit.contracts import Scan, ScanState
from services.kit.database import Database, StateUnusable, upsert
from services.kit.database_errors import StatementRefused
from services.kit.errors import TransientError
from services.lis.tables import METADATA as LIS
from services.review.tables import DELIVERIES, METADATA
from tests.integration.postgres.conftest import emptied, row
from tests.unit.ingestion.at_work import NOON

REPLICAS, TURNS = 4, 10


def counted(connection, name="a"):
    query = select(DELIVERIES.c.value).where(DELIVERIES.c.report_id == name)
    return connection.execute(query).scalar_one_or_none() or 0


def test_what_a_transaction_read_is_what_it_writes_over(review):
    """Read, then write: no replica's turn is lost, and none has to be repeated."""

    def add(_):
        database = review.open()
        for _ in range(TURNS):
            with database.transaction() as connection:
                upsert(connection, DELIVERIES, row("a", counted(connection) + 1))

    with ThreadPoolExecutor(REPLICAS) as pool:
        list(pool.map(add, range(REPLICAS)))
    assert review.rows() == {"a": REPLICAS * TURNS}


def test_of_replicas_that_admit_the_same_scan_one_wins(postgres):
    emptied(postgres, INGESTION)
    scan = Scan(name="s1.vsi", state=ScanState.SCAN_STATE_WAITING, first_seen_at=to_timestamp(NOON))
    replicas = [
        Database.on_server(postgres.settings("frottis_ingestion"), "ingestion", INGESTION) for _ in range(REPLICAS)
    ]
    waiting = KnownScan("fingerprint", from_timestamp(scan.first_seen_at), scan)
    ScanStore(replicas[0]).save(waiting)
    seen = [ScanStore(database).get("s1.vsi") for database in replicas]
    together = threading.Barrier(REPLICAS)

    def admit(database, known):
        admitted = Scan()
        admitted.CopyFrom(known.scan)
        admitted.state = ScanState.SCAN_STATE_ADMITTED
        together.wait(60)
        return ScanStore(database).save(KnownScan(known.fingerprint, known.still_since, admitted), over=known)

    with ThreadPoolExecutor(REPLICAS) as pool:
        won = list(pool.map(admit, replicas, seen))
    assert sorted(won) == [False] * (REPLICAS - 1) + [True]
    [told] = ScanStore(replicas[0]).unannounced()
    assert (told.state, told.revision) == (ScanState.SCAN_STATE_ADMITTED, 2)
    for database in replicas:
        database.close()


def test_a_failed_transaction_leaves_nothing(review):
    database = review.open()
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        upsert(connection, DELIVERIES, row("a"))
        raise ZeroDivisionError
    assert review.rows() == {}
    assert database.problem() is None


def test_a_replica_that_waits_too_long_for_another_tries_again_later(review):
    holder, waiter = review.open(), review.open(lock_s=0.2)
    with holder.transaction(), pytest.raises(TransientError, match="LockNotAvailable"), waiter.transaction():
        pass
    assert "LockNotAvailable" in waiter.problem()
    with waiter.transaction():
        pass
    assert waiter.problem() is None


def test_a_statement_that_takes_too_long_is_tried_again_later(review):
    database = review.open(statement_s=0.2)
    with pytest.raises(TransientError, match="QueryCanceled"), database.transaction() as connection:
        connection.execute(text("SELECT pg_sleep(60)"))


def test_a_worker_that_freezes_within_a_transaction_loses_it_and_holds_up_nobody(review):
    frozen, other = review.open(idle_s=0.2), review.open()
    with pytest.raises(TransientError), frozen.transaction() as connection:
        upsert(connection, DELIVERIES, row("frozen"))
        # Waits for the lock until the server has ended the other's transaction.
        with other.transaction() as afterwards:
            upsert(afterwards, DELIVERIES, row("other"))
        connection.execute(select(DELIVERIES)).all()
    assert review.rows() == {"other": 0}


def test_more_threads_than_connections_wait_for_one(review):
    database = review.open(connections=1, lock_s=0.2)
    with (
        database.transaction(),
        pytest.raises(TransientError, match="every connection is in use"),
        database.transaction(),
    ):
        pass


def test_what_the_server_does_not_take_is_a_defect_and_tells_no_value(review):
    database = review.open()
    twice = insert(DELIVERIES).values([row("Marie"), row("Marie")])
    with (
        pytest.raises(StatementRefused, match=r"UniqueViolation, SQLSTATE 23505, constraint") as caught,
        database.transaction() as connection,
    ):
        connection.execute(twice)
    assert "Marie" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_tables_of_another_version_are_not_worked_on(postgres):
    with pytest.raises(StateUnusable, match=r"run services\.kit\.migrate"):
        Database.on_server(postgres.settings("frottis_review"), "lis", LIS)


def test_a_database_that_sorts_by_language_is_refused(postgres, review):
    with postgres.connect("postgres", "postgres") as connection:
        connection.execute("DROP DATABASE IF EXISTS french")
        connection.execute(
            "CREATE DATABASE french TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'fr'"
        )
    url = review.settings().url.removesuffix("frottis") + "french"
    with pytest.raises(StateUnusable, match="collation C"):
        Database.on_server(review.settings(url=url), "review", METADATA)
