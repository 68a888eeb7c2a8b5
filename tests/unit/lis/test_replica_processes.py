"""Two gateways as processes on one database: one is frozen past its lease and thawed, then the other is killed."""

import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from services.kit.contracts import DeliveryState
from services.simulator.lis import Manner
from tests.unit.lis.test_gateway_kills import PROGRAM, ROOT

LEASE_S = 0.5
ACKNOWLEDGED = DeliveryState.DELIVERY_STATE_ACKNOWLEDGED


@pytest.fixture
def start(tmp_path, lis):
    """Starts a replica; it is killed at the end."""
    started = []

    def process():
        command = [sys.executable, PROGRAM, tmp_path / "state", *lis.address, LEASE_S]
        started.append(
            subprocess.Popen(
                [str(part) for part in command],
                cwd=ROOT,
                env={"PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        )
        assert int(started[-1].stdout.readline())
        return started[-1]

    yield process
    for one in started:
        one.kill()
        one.wait(60)
        one.stdout.close()


def freeze(process, database):
    """Stop the process where it holds no transaction, which on a file nobody could take from it."""
    pause = threading.Event()
    while True:
        process.send_signal(signal.SIGSTOP)
        with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as looking:
            try:
                looking.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
                pause.wait(0.01)
                continue
            return


def test_a_frozen_replica_is_followed_keeps_out_when_it_thaws_and_follows_in_its_turn(
    tmp_path, open_gateway, place, make_report, start, lis, clock
):
    def put(number):
        order_id = place(desk, f"S{number}", f"P{number}")
        desk.handle(make_report(order_id, number=number, specimen=f"S{number}"))

    def has(messages):
        assert lis.record.wait_until(lambda reports: len(reports) >= messages, 120)

    desk = open_gateway(lis.address, clock)
    put(0)
    lis.behave(Manner.SILENT)
    first = start()
    has(1)
    freeze(first, tmp_path / "state" / "lis.db")
    second = start()
    has(2)
    put(1)
    has(3)
    first.send_signal(signal.SIGCONT)
    for number in (2, 3):
        put(number)
        has(2 + number)
    lis.behave(Manner.SILENT)
    put(4)
    has(6)
    second.kill()
    has(7)
    reports = lis.record.reports
    assert [report.placer for report in reports] == ["P0", "P0", "P1", "P2", "P3", "P4", "P4"]
    contents = {report.control_id: report.content for report in reports}
    assert [contents[report.control_id] for report in reports] == [report.content for report in reports]
    while (states := states_of(tmp_path / "state" / "lis.db")) != {ACKNOWLEDGED: 5}:
        assert set(states) <= {ACKNOWLEDGED, DeliveryState.DELIVERY_STATE_SENDING}
        assert not lis.record.wait_until(lambda received: len(received) > 7, 0.05)


def states_of(path):
    with closing(sqlite3.connect(path, timeout=30)) as database:
        return dict(database.execute("SELECT state, count(*) FROM outbox GROUP BY state"))
