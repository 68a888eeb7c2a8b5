"""A server that is killed, away, or not who it should be."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from services.kit.database import upsert
from services.kit.errors import TransientError
from services.review.tables import DELIVERIES
from tests.integration.postgres.conftest import row

KILLS = 3


def write(database, name, value=0):
    with database.transaction() as connection:
        upsert(connection, DELIVERIES, row(name, value))


def test_a_server_killed_within_a_transaction_takes_nothing_and_is_used_again_once_back(review, postgres):
    database = review.open()
    write(database, "before")
    with pytest.raises(TransientError), database.transaction() as connection:
        upsert(connection, DELIVERIES, row("within"))
        postgres.kill()
        connection.execute(select(DELIVERIES)).all()
    with pytest.raises(TransientError):
        write(database, "away")
    assert "cannot be used now" in database.problem()
    postgres.start()
    write(database, "after")
    assert database.problem() is None
    assert set(review.rows()) == {"before", "after"}


def test_what_was_written_survives_every_kill(review, postgres):
    """Every number that was told as written is there, and none that was not even tried."""
    database = review.open()
    written, stop = [], threading.Event()
    some = threading.Semaphore(0)

    def count():
        number = 0
        while not stop.is_set():
            number += 1
            try:
                write(database, str(number), number)
            except TransientError:
                stop.wait(0.02)
                continue
            written.append(str(number))
            some.release()
        tried.append(number)

    tried = []
    thread = threading.Thread(target=count)
    thread.start()
    for _ in range(KILLS):
        for _ in range(10):
            assert some.acquire(timeout=60)
        postgres.kill()
        postgres.start()
    assert some.acquire(timeout=60)
    stop.set()
    thread.join(60)
    kept = review.rows()
    assert set(written) <= set(kept)
    assert max(kept.values()) <= tried[0]


def test_a_server_that_is_killed_leaves_nothing_in_shared_memory(review, postgres):
    """What it maps from there, it would leave behind: nothing but a normal end removes it."""
    write(review.open(), "before")
    mapped = Path(f"/proc/{postgres.pid}/maps").read_text(encoding="utf-8", errors="replace")
    assert "/dev/shm/" not in mapped
    assert "pg_dynshmem/" in mapped


def test_a_service_that_starts_before_its_server_waits_for_it(review, postgres):
    postgres.stop()
    database = review.open()
    assert "cannot be used now" in database.problem()
    with pytest.raises(TransientError):
        write(database, "early")
    postgres.start()
    write(database, "late")
    assert set(review.rows()) == {"late"}


@pytest.mark.parametrize("wrong", ["authority", "password", "no TLS"])
def test_who_cannot_prove_it_gets_nothing_and_no_secret_is_told(review, postgres, tmp_path, wrong):
    password = tmp_path / "password"
    password.write_text("incorrect horse battery\n")
    changes = {
        "authority": {"ca_file": None},
        "password": {"password_file": password},
        "no TLS": {"tls": "disable"},
    }[wrong]
    database = review.open(**changes)
    expected = {
        "authority": "certificate verify failed",
        "password": "password authentication failed",
        "no TLS": "no encryption",
    }
    with pytest.raises(TransientError, match=expected[wrong]) as refused:
        write(database, "a")
    assert refused.value.__cause__ is None
    for secret in ("horse", postgres.password_file("frottis_review").read_text()):
        assert secret not in str(refused.value)
    assert review.rows() == {}


def test_a_new_password_is_taken_without_a_new_start(review, postgres, tmp_path):
    password = tmp_path / "password"
    password.write_text("too early\n")
    database = review.open(password_file=password)
    with pytest.raises(TransientError):
        write(database, "a")
    password.unlink()
    with pytest.raises(TransientError, match="PASSWORD_FILE: password_file cannot be read"):
        write(database, "a")
    password.write_text(postgres.password_file("frottis_review").read_text())
    write(database, "a")
    assert set(review.rows()) == {"a"}


def test_a_certificate_proves_a_service_in_place_of_a_password(review, postgres):
    postgres.admit("hostssl all frottis_review 127.0.0.1/32 cert\n")
    try:
        proofs = [postgres.certificate(name) for name in ("frottis_review", "frottis_lis")]
        own, other = (
            review.open(password_file=None, certificate_file=certificate, key_file=key) for certificate, key in proofs
        )
        write(own, "a")
        with pytest.raises(TransientError, match="certificate authentication failed"):
            write(other, "b")
    finally:
        postgres.admit("")
    assert set(review.rows()) == {"a"}
