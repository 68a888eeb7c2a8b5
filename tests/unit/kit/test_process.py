import os
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime

import httpx
import pytest

from services.kit.clock import ManualClock
from services.kit.contracts import Tile
from services.kit.errors import SettingsError
from services.kit.local_log import LocalLog
from services.kit.lock import StateInUse, locked
from services.kit.process import Process, ProcessSettings, stopped_by_signals
from services.kit.service import Service, Subscription
from services.kit.transport import Outgoing
from services.kit.upkeep import forgetting, gauges


def settings(tmp_path, **more):
    return ProcessSettings.load(state=tmp_path / "state", **more)


def quiet(name):
    return lambda resources: Service(name)


def test_a_service_runs_once_on_a_state_folder(tmp_path):
    first = Process(settings(tmp_path), {"lis": quiet("lis"), "review": quiet("review")})
    built = []
    with pytest.raises(StateInUse, match="another Frottis runs review"):
        Process(settings(tmp_path), {"review": built.append})
    assert built == []
    beside = Process(settings(tmp_path), {"analysis": quiet("analysis")})
    beside.close()
    first.close()
    Process(settings(tmp_path), {"review": quiet("review")}).close()


def test_what_was_opened_is_closed_when_the_start_fails(tmp_path):
    """A port that is taken is told last; nothing is left locked or open."""
    closed = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = settings(tmp_path, operations_port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match="free the port"):
            Process(wanted, {"lis": lambda resources: Service("lis", close=lambda: closed.append("lis"))})
    assert closed == ["lis"]
    with locked(tmp_path / "state", ["lis"]):
        pass


def test_a_stop_in_the_middle_of_work_closes_nothing_under_it_and_loses_nothing(tmp_path):
    begun, finish, closed = threading.Event(), threading.Event(), []

    def handle(batch):
        begun.set()
        finish.wait()
        return []

    def build(resources):
        return Service("analysis", (Subscription("tiles", handle),), close=lambda: closed.append("analysis"))

    process = Process(settings(tmp_path, stop_s=0.05), {"analysis": build})
    process.transport.send([Outgoing("tiles", "k", Tile(tile_id="a"))])
    process.start()
    assert begun.wait(60)
    process.close()
    assert closed == []
    finish.set()
    assert list(process.runner.join(60)) == []
    process.close()
    assert closed == ["analysis"]


def test_a_defect_is_raised_by_close_after_all_is_closed(tmp_path):
    closed = []

    def fail(stop):
        raise ZeroDivisionError

    def build(resources):
        return Service("lis", tasks={"server": fail}, close=lambda: closed.append("lis"))

    process = Process(settings(tmp_path), {"lis": build})
    process.start()
    assert process.runner.stopping.wait(60)
    with pytest.raises(ZeroDivisionError):
        process.close()
    assert closed == ["lis"]


def test_operations_see_what_waits_and_what_was_rejected_of_the_services_here(tmp_path):
    process = Process(settings(tmp_path), {"analysis": quiet("analysis")})
    process.transport.send([Outgoing("tiles", "k", Tile(tile_id=name)) for name in "ab"])
    consumer = process.transport.consumer("analysis", ["tiles"])
    consumer.reject(consumer.poll(1, 0)[0], "not a JPEG")
    gauges(process.transport, process.services, process.metrics).run()
    sample = process.metrics.registry.get_sample_value
    assert sample("frottis_dead_letters", {"service": "analysis", "topic": "tiles"}) == 1
    assert sample("frottis_queue_messages", {"service": "analysis", "topic": "tiles"}) == 1
    assert sample("frottis_queue_messages", {"service": "lis", "topic": "reports"}) is None
    consumer.commit(consumer.poll(1, 0))
    gauges(process.transport, process.services, process.metrics).run()
    assert sample("frottis_queue_messages", {"service": "analysis", "topic": "tiles"}) == 0
    process.close()


def test_a_process_is_not_ready_before_its_services_are(tmp_path):
    waits = ["the models are being loaded"]

    def build(resources):
        return Service("analysis", readiness={"models": lambda: waits[0] if waits else None})

    process = Process(settings(tmp_path), {"analysis": build})
    process.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{process.operations.bound_port}") as client:
        waiting = client.get("/readyz")
        assert (waiting.status_code, waiting.json()) == (503, {"analysis/models": "the models are being loaded"})
        waits.clear()
        assert client.get("/readyz").json() == {"status": "ready"}
        assert client.get("/healthz").status_code == 200
    process.close()


def test_dead_letters_older_than_the_setting_are_forgotten(tmp_path):
    clock = ManualClock(datetime(2026, 1, 5, 12, tzinfo=UTC))
    log = LocalLog(tmp_path / "messages.db", clock=clock)
    log.send([Outgoing("tiles", "k", Tile(tile_id="a"))])
    consumer = log.consumer("analysis", ["tiles"])
    consumer.reject(consumer.poll(1, 0)[0], "not a JPEG")
    timer = forgetting(log, 90.0, clock)
    clock.advance(89 * 86400)
    timer.run()
    assert len(log.dead_letters().list()) == 1
    clock.advance(2 * 86400)
    timer.run()
    assert log.dead_letters().list() == []
    log.close()


def test_the_first_signal_asks_and_the_second_of_either_kind_kills():
    before = signal.getsignal(signal.SIGTERM)
    stop = threading.Event()
    with stopped_by_signals(stop):
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(60)
        assert signal.getsignal(signal.SIGINT) == signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) == before


SERVED = """
from services.kit.process import serve
from services.kit.service import Service

def announce(stop):
    print("at work", flush=True)
    stop.wait()

serve("lis", lambda resources: Service("lis", tasks={"server": announce}))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_of_its_own_ends_in_order_when_it_is_asked(tmp_path, number):
    with subprocess.Popen(
        [sys.executable, "-c", SERVED],
        env={**os.environ, "FROTTIS_PROCESS_STATE": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as served:
        assert served.stdout.readline() == "at work\n"
        served.send_signal(number)
        _, told = served.communicate(timeout=120)
    assert (served.returncode, "Traceback" in told) == (0, False), told


def review(tmp_path, **environment):
    """`python -m services.review`, which ends at once because it must not start."""
    environment = {**os.environ, "FROTTIS_PROCESS_STATE": str(tmp_path), **environment}
    return subprocess.run(
        [sys.executable, "-m", "services.review"], env=environment, capture_output=True, text=True, timeout=120
    )


def test_a_service_that_runs_already_is_told_with_the_documented_exit_code(tmp_path):
    with locked(tmp_path, ["review"]):
        second = review(tmp_path)
    assert second.returncode == 5
    assert second.stderr.startswith(f"frottis review: another Frottis runs review on {tmp_path}")


def test_a_wrong_setting_of_a_service_is_told_without_a_traceback(tmp_path):
    wrong = review(tmp_path, FROTTIS_PROCESS_STOP_S="-1")
    assert wrong.returncode == 2
    assert "FROTTIS_PROCESS_STOP_S" in wrong.stderr
    assert "Traceback" not in wrong.stderr
