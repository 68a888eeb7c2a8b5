import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.kit.contracts import DeliveryState
from services.simulator.lis import Behaviour, Journal, LisSimulator, Manner

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("gateway_process.py")
REPORTS = 5


@pytest.fixture
def start(tmp_path, lis) -> Callable:
    """Start the gateway in a process of its own; within, its port for orders. Killed with -9 at the end."""

    @contextmanager
    def process() -> Iterator[int]:
        command = [sys.executable, str(PROGRAM), str(tmp_path / "state"), lis.address[0], str(lis.address[1])]
        with subprocess.Popen(
            command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as running:
            try:
                yield int(running.stdout.readline())
            finally:
                running.kill()

    return process


def test_killed_between_sending_and_answer_a_report_arrives_once(open_gateway, place, make_report, start, lis, clock):
    first = open_gateway(lis.address, clock)
    for number in range(REPORTS):
        order_id = place(first, f"S{number}", f"P{number}")
        first.handle(make_report(order_id, number=number, specimen=f"S{number}"))
    first.close()
    dice = random.Random(20260302)
    for attempt in range(6):
        # Every other process dies without its answer; the others at some moment around it.
        lis.behave(then=Manner.SILENT if attempt % 2 else Behaviour(Manner.SLOW, 0.03))
        wanted = len(lis.record.reports) + dice.randint(1, 2 - attempt % 2)
        with start():
            lis.record.wait_until(lambda reports, wanted=wanted: len(reports) >= wanted, 5.0)
            lis.record.wait_until(lambda _: False, dice.uniform(0, 0.06))
    lis.behave()
    last = open_gateway(lis.address, clock)
    last.send_all()
    assert lis.record.effective() == {f"P{number}": 1 for number in range(REPORTS)}
    assert lis.record.duplicates()
    contents = {report.control_id: report.content for report in lis.record.reports}
    assert all(contents[report.control_id] == report.content for report in lis.record.reports)
    ended = [d.report_id for d in last.deliveries() if d.state == DeliveryState.DELIVERY_STATE_ACKNOWLEDGED]
    assert sorted(ended) == [f"report-{number}" for number in range(REPORTS)]


def test_killed_right_after_its_aa_an_order_still_reaches_the_others(open_gateway, start, lis, clock):
    with start() as port:
        assert lis.send_order(("127.0.0.1", port), "S1", placer="P1").code == "AA"
    (order,) = open_gateway(lis.address, clock).orders()
    assert order.specimen == "S1"


def test_what_the_lis_stored_survives_it(tmp_path, open_gateway, place, make_report, clock):
    with LisSimulator(journal=Journal(tmp_path / "lis.jsonl")) as lis:
        gateway = open_gateway(lis.address, clock)
        with gateway.serving() as address:
            lis.send_order(address, "S1", placer="P1")
        (order,) = gateway.orders()
        gateway.handle(make_report(order.order_id, specimen="S1"))
        gateway.send_all()
    with LisSimulator(journal=Journal(tmp_path / "lis.jsonl")) as again:
        assert again.record.effective() == {"P1": 1}
