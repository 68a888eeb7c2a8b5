import threading
from datetime import UTC, datetime

import pytest

from services.kit.clock import ManualClock, SystemClock
from services.kit.contracts import Tile, TileCells
from services.kit.errors import TransientError
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


def runner_of(log, *services, clock=None):
    def no_database(name, metadata):
        pytest.fail("no database")

    return Runner(services, log, Resources(clock or SystemClock(), Metrics(), Objects.in_memory(), no_database))


def ended(runner):
    runner.stop()
    return list(runner.join(60)) == []


def test_messages_go_through_the_services(log):
    arrived = threading.Event()
    analysis = Service(
        "analysis", (Subscription("tiles", each(lambda t: [Outgoing("cells", "s", TileCells(tile_id=t.tile_id))])),)
    )
    reasoning = Service("reasoning", (Subscription("cells", each(lambda c: arrived.set() or [])),))
    runner = runner_of(log, analysis, reasoning)
    runner.start()
    log.send([Outgoing("tiles", "k", Tile(tile_id="a"))])
    assert arrived.wait(60)
    assert ended(runner)


def break_down(*_):
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "service",
    [
        Service("lis", timers=(Timer("t", 1.0, break_down),)),
        Service("lis", tasks={"server": break_down}),
        Service("analysis", (Subscription("tiles", break_down),)),
    ],
)
def test_a_defect_in_one_thread_stops_all_and_is_kept(log, service):
    log.send([Outgoing("tiles", "k", Tile(tile_id="a"))])
    waiting = Service("review", tasks={"server": lambda stop: stop.wait()})
    runner = runner_of(log, waiting, service)
    runner.start()
    assert runner.stopping.wait(60)
    assert list(runner.join(60)) == []
    assert isinstance(runner.failure, ZeroDivisionError)


def test_a_thread_that_dies_while_the_end_is_waited_for_is_noticed(log):
    def die_at_the_stop(stop):
        stop.wait()
        raise ZeroDivisionError

    runner = runner_of(log, Service("lis", tasks={"server": die_at_the_stop}))
    runner.start()
    assert ended(runner)
    assert isinstance(runner.failure, ZeroDivisionError)


def test_a_stop_does_not_wait_longer_than_it_is_told_for_a_long_batch(log):
    begun, finish = threading.Event(), threading.Event()

    def handle(batch):
        begun.set()
        finish.wait()
        return []

    log.send([Outgoing("tiles", "k", Tile(tile_id="a"))])
    runner = runner_of(log, Service("analysis", (Subscription("tiles", handle),)))
    runner.start()
    assert begun.wait(60)
    runner.stop()
    assert list(runner.join(0.01)) == ["analysis<tiles"]
    finish.set()
    assert list(runner.join(60)) == []


def test_a_batch_without_an_end_is_told(log):
    begun, finish = threading.Event(), threading.Event()
    clock = ManualClock(datetime(2026, 1, 5, 12, tzinfo=UTC))

    def handle(batch):
        begun.set()
        finish.wait()
        return []

    log.send([Outgoing("tiles", "k", Tile(tile_id="a"))])
    quiet = Timer("t", 3600.0, list)
    runner = runner_of(log, Service("analysis", (Subscription("tiles", handle),), (quiet,)), clock=clock)
    runner.start()
    assert begun.wait(60)
    assert list(runner.stuck(900)) == []
    clock.advance(901)
    assert list(runner.stuck(900)) == ["analysis<tiles"]
    finish.set()
    assert ended(runner)
    assert list(runner.stuck(0)) == []


class Broken:
    """A transport whose first consumers cannot be had, and then cannot be asked."""

    def __init__(self, log):
        self.log, self.failures, self.closed = log, [], 0

    def producer(self):
        return self.log

    def consumer(self, group, topics):
        if not self.failures:
            self.failures.append("no connection")
            raise TransientError("no connection")
        if len(self.failures) == 1:
            return self
        return self.log.consumer(group, topics)

    def poll(self, limit, timeout_s):
        self.failures.append("connection lost")
        raise TransientError("connection lost")

    def wake(self):
        pass

    def close(self):
        self.closed += 1


def test_a_broker_that_is_away_is_asked_again_until_it_is_back(log, monkeypatch):
    monkeypatch.setattr("services.kit.runner.AWAY_S", 0.001)
    arrived = threading.Event()
    log.send([Outgoing("tiles", "k", Tile(tile_id="a"))])
    broken = Broken(log)
    service = Service("analysis", (Subscription("tiles", each(lambda t: arrived.set() or [])),))
    runner = runner_of(broken, service)
    runner.start()
    assert arrived.wait(60)
    assert ended(runner)
    assert (broken.failures, broken.closed, runner.failure) == (["no connection", "connection lost"], 1, None)


def test_a_stop_ends_the_waits_of_consumers_and_timers_at_once(log, monkeypatch):
    monkeypatch.setattr("services.kit.runner.POLL_S", 3600.0)
    ran = threading.Event()
    timer = Timer("t", 3600.0, lambda: ran.set() or [])
    runner = runner_of(log, Service("analysis", (Subscription("tiles", each(lambda _: [])),), (timer,)))
    runner.start()
    assert ran.wait(60)
    assert ended(runner)


def test_a_message_given_back_comes_again_when_it_is_due_though_nothing_else_happens(log, monkeypatch):
    monkeypatch.setattr("services.kit.runner.POLL_S", 3600.0)
    attempts, done = [], threading.Event()

    def handle(batch):
        attempts.extend(batch)
        if len(attempts) == 1:
            raise TransientError("not now")
        done.set()
        return []

    runner = runner_of(log, Service("analysis", (Subscription("tiles", handle),)))
    log.send([Outgoing("tiles", "k", Tile(tile_id="a"))])
    runner.start()
    assert done.wait(60)
    assert ended(runner)
