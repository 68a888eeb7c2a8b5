from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.kit.clock import ManualClock
from services.kit.contracts import Tile, TileCells
from services.kit.dead_letter_rate import MOST_DEAD_LETTERS, WITHIN_S, DeadLetterRate, TooManyDeadLetters
from services.kit.errors import PoisonError, TransientError
from services.kit.local_log import LocalLog
from services.kit.loop import AGAIN_S, ConsumerLoop, TimerLoop
from services.kit.service import Service, Subscription, Timer
from services.kit.telemetry import Metrics
from services.kit.tracing.tracer import Tracing
from services.kit.transport import Outgoing, Received, each

TRACER = Tracing().of("analysis")


@pytest.fixture
def log(tmp_path, clock):
    opened = LocalLog(tmp_path / "messages.db", clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 1, 5, 12, tzinfo=UTC))


def loop_for(log, clock, handle, metrics=None, stopping=lambda: False, consumer=None, **subscription):
    service = Service("analysis", (Subscription("tiles", handle, **subscription),))
    consumer = consumer or log.consumer("analysis", ["tiles"])
    more = {"clock": clock, "metrics": metrics or Metrics(), "rate": DeadLetterRate(clock), "stopping": stopping}
    more["tracer"] = TRACER
    return ConsumerLoop(service, service.subscriptions[0], consumer, log, **more)


def send(log, *names):
    log.send(Outgoing("tiles", name, Tile(tile_id=name)) for name in names)


def cells(tile):
    yield Outgoing("cells", "s", TileCells(tile_id=tile.tile_id))


def test_outputs_are_sent_and_the_input_is_committed(log, clock):
    send(log, "a")
    loop = loop_for(log, clock, each(cells))
    assert loop.run_once()
    assert not loop.run_once()
    assert log.waiting() == {("reasoning", "cells"): 1}


def test_a_transient_failure_is_retried_later_and_nothing_is_lost(log, clock):
    attempts = []

    def handle(tile):
        attempts.append(tile.tile_id)
        if len(attempts) == 1:
            raise TransientError("store away")
        yield from cells(tile)

    send(log, "a")
    loop = loop_for(log, clock, each(handle))
    loop.run_once()
    assert log.waiting() == {("analysis", "tiles"): 1}
    assert not loop.run_once()
    clock.advance(1)
    assert loop.run_once()
    assert log.waiting() == {("reasoning", "cells"): 1}


def test_an_outage_of_days_is_waited_for(log, clock):
    def handle(_):
        raise TransientError("store away")

    send(log, "a")
    consumer = log.consumer("analysis", ["tiles"])
    [message] = consumer.poll(1, 0)
    delays = []
    consumer.poll = lambda *_: [replace(message, attempts=5000)]
    consumer.retry = lambda _, delay_s: delays.append(delay_s)
    loop_for(log, clock, each(handle), consumer=consumer).run_once()
    assert delays == [30.0]


def test_only_the_poisoned_message_of_a_batch_is_rejected(log, clock):
    def handle(tile):
        if tile.tile_id == "bad":
            raise PoisonError("tile bad: not a JPEG")
        yield from cells(tile)

    send(log, "a", "bad", "b")
    metrics = Metrics()
    loop_for(log, clock, each(handle), metrics, batch=3).run_once()
    assert [letter.reason for letter in log.dead_letters().list()] == ["tile bad: not a JPEG"]
    assert log.waiting()[("reasoning", "cells")] >= 2
    assert ("analysis", "tiles") not in log.waiting()
    assert (
        metrics.registry.get_sample_value(
            "frottis_messages_total", {"service": "analysis", "topic": "tiles", "outcome": "rejected"}
        )
        == 1
    )


def test_others_are_told_of_a_poisoned_message_before_it_is_rejected(log, clock):
    def handle(batch):
        raise PoisonError("unreadable")

    def tell(message, reason):
        yield Outgoing("cells", "s", TileCells(tile_id=f"{message.value.tile_id}: {reason}"))

    send(log, "bad")
    loop_for(log, clock, handle, on_poison=tell).run_once()
    [told] = log.consumer("reasoning", ["cells"]).poll(1, 0)
    assert told.value.tile_id == "bad: unreadable"


def test_a_defect_leaves_the_loop_with_nothing_committed(log, clock):
    def handle(batch):
        raise ZeroDivisionError

    send(log, "a")
    with pytest.raises(ZeroDivisionError):
        loop_for(log, clock, handle).run_once()
    assert log.waiting() == {("analysis", "tiles"): 1}


class Mixed:
    """A consumer with one readable message and one that is none, as a broker delivers them."""

    def __init__(self):
        self.batch = [
            Received("tiles", "k", None, 1, raw=b"\x0a\x05a", unreadable="3 bytes on topic tiles are no Tile message"),
            Received("tiles", "k", Tile(tile_id="b"), 2),
        ]
        self.committed, self.rejected = [], []

    def poll(self, limit, timeout_s):
        batch, self.batch = self.batch, []
        return batch

    def commit(self, messages):
        self.committed += messages

    def reject(self, message, reason):
        self.rejected.append((message.position, reason))


def test_bytes_that_are_no_message_go_to_the_dead_letters_and_hold_nothing_up(log, clock):
    consumer, seen, told = Mixed(), [], []
    subscription = Subscription("tiles", each(lambda t: seen.append(t.tile_id) or []), 2, lambda m, _: told.append(m))
    service = Service("analysis", (subscription,))
    more = {"clock": clock, "metrics": Metrics(), "rate": DeadLetterRate(clock), "tracer": TRACER}
    loop = ConsumerLoop(service, subscription, consumer, log, **more)
    assert loop.run_once()
    assert (seen, [message.position for message in consumer.committed], told) == (["b"], [2], [])
    assert consumer.rejected == [(1, "3 bytes on topic tiles are no Tile message")]


def poison(batch):
    raise PoisonError("unreadable")


def test_a_flood_of_dead_letters_stops_the_consumer(log, clock):
    send(log, *map(str, range(MOST_DEAD_LETTERS + 1)))
    loop = loop_for(log, clock, poison)
    with pytest.raises(TooManyDeadLetters, match="more than 100 messages of tiles within an hour"):
        while loop.run_once():
            pass
    assert len(log.dead_letters().list()) == MOST_DEAD_LETTERS + 1


def test_dead_letters_spread_over_hours_do_not_stop_the_consumer(log, clock):
    send(log, *map(str, range(2 * MOST_DEAD_LETTERS)))
    loop = loop_for(log, clock, poison)
    while loop.run_once():
        clock.advance(WITHIN_S / MOST_DEAD_LETTERS + 1)
    assert len(log.dead_letters().list()) == 2 * MOST_DEAD_LETTERS


def test_outputs_leave_while_the_handler_still_works(log, clock):
    seen = []

    def handle(tile):
        yield from cells(tile)
        clock.advance(1)
        yield from cells(tile)
        seen.append(log.waiting().get(("reasoning", "cells"), 0))

    send(log, "a")
    loop_for(log, clock, each(handle)).run_once()
    assert seen == [2]


def test_a_stop_does_not_wait_for_a_long_batch_which_comes_again(log, clock):
    send(log, "a")
    loop = loop_for(log, clock, each(lambda tile: [*cells(tile), *cells(tile)]), stopping=lambda: True)
    loop.run_once()
    assert log.waiting() == {("analysis", "tiles"): 1}


def test_a_timer_runs_when_due_and_is_told_what_was_sent(log, clock):
    told = []
    timer = Timer("t", 5.0, lambda: [Outgoing("tiles", "a", Tile(tile_id="a"))], lambda outputs: told.extend(outputs))
    loop = TimerLoop(timer, log, clock, TRACER)
    assert loop.run_once() == pytest.approx(5.0)
    clock.advance(4)
    loop.run_once()
    assert len(told) == 1
    clock.advance(1)
    loop.run_once()
    assert len(told) == 2


def test_a_timer_survives_a_broker_that_cannot_take_messages(log, clock):
    class Away:
        def send(self, messages):
            raise TransientError("disk full")

    told = []
    loop = TimerLoop(Timer("t", 5.0, list, lambda outputs: told.append(outputs)), Away(), clock, TRACER)
    assert loop.run_once() == pytest.approx(AGAIN_S)
    assert told == []


def test_a_timer_that_is_woken_runs_before_it_is_due(log, clock):
    runs = []
    timer = Timer("t", 5.0, lambda: runs.append(1) or [])
    loop = TimerLoop(timer, log, clock, TRACER)
    loop.run_once()
    clock.advance(1)
    timer.wake.set()
    assert loop.run_once() == pytest.approx(5.0)
    loop.run_once()
    assert len(runs) == 2


def test_a_wall_clock_set_back_does_not_stop_a_timer(log, clock):
    runs = []
    loop = TimerLoop(Timer("t", 5.0, lambda: runs.append(1) or []), log, clock, TRACER)
    loop.run_once()
    clock.set_wall(datetime(2020, 1, 1, tzinfo=UTC))
    clock.advance(5)
    loop.run_once()
    assert len(runs) == 2
