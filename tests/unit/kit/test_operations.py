import threading

import httpx
import pytest

from services.kit.clock import SystemClock
from services.kit.contracts import Tile, TileCells
from services.kit.http import OperationsServer, operations_app
from services.kit.local_log import LocalLog
from services.kit.objects import Objects
from services.kit.runner import Runner
from services.kit.service import Resources, Service, Subscription, Timer
from services.kit.telemetry import Metrics
from services.kit.transport import Outgoing, each


@pytest.fixture
def log(tmp_path):
    opened = LocalLog(tmp_path / "messages.db")
    yield opened
    opened.close()


def resources():
    return Resources(SystemClock(), Metrics(), Objects.in_memory(), lambda name, metadata: pytest.fail("no database"))


def test_a_service_answers_whether_it_lives_and_is_ready():
    waits = {"models": "model detector is loading"}
    service = Service("analysis", readiness={"models": lambda: waits.get("models")})
    server = OperationsServer(operations_app([service], Metrics(), lambda: True), "127.0.0.1", 0)
    stop = threading.Event()
    thread = threading.Thread(target=server, args=(stop,))
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.bound_port}") as client:
            assert client.get("/healthz").status_code == 200
            waiting = client.get("/readyz")
            assert (waiting.status_code, waiting.json()) == (503, {"analysis/models": "model detector is loading"})
            waits.clear()
            assert client.get("/readyz").status_code == 200
            assert "frottis_queue_messages" in client.get("/metrics").text
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def test_the_runner_takes_messages_through_its_services(log):
    arrived = threading.Event()
    analysis = Service(
        "analysis", (Subscription("tiles", each(lambda t: [Outgoing("cells", "s", TileCells(tile_id=t.tile_id))])),)
    )
    reasoning = Service("reasoning", (Subscription("cells", each(lambda c: arrived.set() or [])),))
    runner = Runner([analysis, reasoning], log, resources())
    runner.start()
    log.send([Outgoing("tiles", "k", Tile(tile_id="a"))])
    assert arrived.wait(30)
    runner.stop()
    runner.wait(30)


def test_a_defect_in_one_thread_stops_all_and_is_raised(log):
    def break_down():
        raise ZeroDivisionError

    runner = Runner([Service("lis", timers=(Timer("t", 1.0, break_down),))], log, resources())
    runner.start()
    assert runner.stopping.wait(30)
    with pytest.raises(ZeroDivisionError):
        runner.wait(30)
