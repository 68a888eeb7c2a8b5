"""What becomes of messages when workers, brokers and handlers fail."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from services.kit.clock import SystemClock
from services.kit.contracts import Tile
from services.kit.dead_letter_rate import DeadLetterRate
from services.kit.errors import PoisonError, TransientError
from services.kit.kafka import KafkaTransport
from services.kit.loop import ConsumerLoop
from services.kit.service import Service, Subscription
from services.kit.telemetry import Metrics
from services.kit.tracing.tracer import Tracing
from services.kit.transport import Outgoing, each

PATIENCE_S = 60.0
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def tiles(count, deadline=NOON, name="tile"):
    return [Outgoing("tiles", f"slide+{n}", Tile(tile_id=f"{name}-{n}"), deadline) for n in range(count)]


def take(consumer, count, limit=100):
    taken, until = [], time.monotonic() + PATIENCE_S
    while len(taken) < count and time.monotonic() < until:
        taken += consumer.poll(min(limit, count - len(taken)), 0.5)
    assert len(taken) == count, f"{len(taken)} of {count} messages came"
    return taken


def names(messages):
    return [message.value.tile_id for message in messages]


def reached(condition):
    """Wait until something holds that other threads and processes bring about."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        threading.Event().wait(0.05)


class Worker:
    """`kafka_worker` as a child process."""

    def __init__(self, cluster, to_commit):
        settings = cluster.settings(session_timeout_s=2.0).model_dump_json()
        command = [sys.executable, "-m", "tests.integration.kafka_worker", settings, "2", str(to_commit)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def hear(self, last):
        """The lines up to one that is `last`."""
        lines = []
        for line in self.process.stdout:
            lines.append(line.strip())
            if lines[-1] == last:
                return lines
        raise AssertionError(f"the worker ended without {last}: {lines}")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def worker(cluster):
    started = []

    def start(to_commit):
        started.append(Worker(cluster, to_commit))
        return started[-1]

    yield start
    for each_worker in started:
        each_worker.close()


def told(lines, word):
    return {line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")}


def test_after_kill_9_exactly_what_was_not_committed_is_delivered_again(cluster, worker):
    transport = cluster.open()
    transport.producer().send(tiles(40))
    doomed = worker(to_commit=12)
    lines = doomed.hear("waits")
    doomed.close()
    consumer = transport.consumer("analysis", ["tiles"])
    again = take(consumer, 40 - len(told(lines, "handled")))
    assert "committed" in lines
    assert set(names(again)) == {f"tile-{n}" for n in range(40)} - told(lines, "handled")
    assert told(lines, "holds") <= set(names(again))
    assert consumer.poll(1, 0.5) == []


def test_a_frozen_worker_is_replaced_and_undoes_nothing_when_it_wakes(cluster, worker):
    transport = cluster.open()
    transport.producer().send(tiles(20))
    frozen = worker(to_commit=6)
    lines = frozen.hear("waits")
    os.kill(frozen.process.pid, signal.SIGSTOP)
    consumer = transport.consumer("analysis", ["tiles"])
    consumer.commit(take(consumer, 20 - len(told(lines, "handled"))))
    assert consumer.flushed(PATIENCE_S)
    os.kill(frozen.process.pid, signal.SIGCONT)
    # It joins the group again and gets a partition; whatever it may still do, nothing is to be done any more.
    reached(lambda: len(consumer._inbox.known()) == 1)
    assert transport.waiting() == {}


def test_partitions_move_to_a_second_worker_and_back_without_loss_or_repetition(cluster):
    first = cluster.open()
    sender = first.producer()
    seen, stop = [], threading.Event()

    def work(transport, leave):
        consumer = transport.consumer("analysis", ["tiles"])
        while not leave.is_set():
            for message in consumer.poll(1, 0.1):
                seen.append((transport, message.value.tile_id))
                # A handler takes its time, so that there is work under way when the partition moves.
                leave.wait(0.005)
                consumer.commit([message])
        consumer.close()

    second, leave = cluster.open(), threading.Event()
    threads = [threading.Thread(target=work, args=(first, stop)), threading.Thread(target=work, args=(second, leave))]
    sender.send(tiles(300, name="a"))
    threads[0].start()
    reached(lambda: len(seen) > 20)
    threads[1].start()
    rounds = 0
    while not any(transport is second for transport, _ in seen):
        assert rounds < 200
        sender.send(tiles(50, name=f"b{rounds}"))
        rounds += 1
        threading.Event().wait(0.1)
    leave.set()
    threads[1].join(PATIENCE_S)
    sender.send(tiles(50, name="c"))
    total = 350 + 50 * rounds
    reached(lambda: len({name for _, name in seen}) == total)
    stop.set()
    threads[0].join(PATIENCE_S)
    assert len(seen) == total
    assert first.waiting() == {}


def test_urgent_work_overtakes_a_backlog_of_two_thousand(cluster):
    transport = cluster.open()
    transport.producer().send(tiles(2000, NOON + timedelta(minutes=30)))
    transport.producer().send(tiles(10, NOON, name="stat"))
    consumer = transport.consumer("analysis", ["tiles"])
    order, work = [], threading.Event()
    while sum(name.startswith("stat") for name in order) < 10:
        assert len(order) < 2010
        for message in consumer.poll(1, 1.0):
            order.append(message.value.tile_id)
            work.wait(0.02)
            consumer.commit([message])
    # At most what was handled in the second or two that the backlog took to be read.
    assert len(order) < 400
    first = next(n for n, name in enumerate(order) if name.startswith("stat"))
    assert order[first:] == [f"stat-{n}" for n in sorted(range(10), key=lambda n: order.index(f"stat-{n}"))]
    transport.producer().send(tiles(1, NOON - timedelta(hours=1), name="more urgent"))
    waiting = []
    reached(lambda: waiting.extend(names(consumer.poll(1, 0.5))) or "more urgent-0" in waiting)
    assert len(waiting) < 1000


def test_a_broker_that_is_killed_is_waited_for_and_loses_nothing(cluster):
    transport = cluster.open(delivery_timeout_s=2.0)
    sender, consumer = transport.producer(), transport.consumer("analysis", ["tiles"])
    sender.send(tiles(10, name="before"))
    consumer.commit(take(consumer, 5))
    cluster.server.kill()
    with pytest.raises(TransientError, match="Kafka does not answer"):
        sender.send(tiles(1, name="lost"))
    assert "Kafka" in transport.waits_for()
    # What was read ahead is still delivered, and then there is silence, not an error.
    rest = take(consumer, 5)
    consumer.commit(rest)
    assert consumer.poll(1, 0.2) == []
    cluster.server.start()
    reached(lambda: transport.waits_for() is None)
    sender.send(tiles(10, name="after"))
    later = names(take(consumer, 10))
    assert set(later) >= {f"after-{n}" for n in range(9)}
    assert not set(names(rest)) & set(later)


def test_a_handler_slower_than_the_poll_interval_keeps_its_partitions(cluster):
    slow = cluster.open(session_timeout_s=1.5, poll_interval_s=2.0, drain_s=1.0)
    slow.producer().send(tiles(1))
    consumer = slow.consumer("analysis", ["tiles"])
    batch = take(consumer, 1)
    until = time.monotonic() + 5.0
    assert consumer.poll(1, until - time.monotonic()) == []
    assert len(consumer._inbox.known()) == 2
    consumer.commit(batch)
    assert consumer.flushed(PATIENCE_S)
    assert slow.waiting() == {}


def test_a_hung_handler_loses_its_partitions_to_a_worker_that_is_alive(cluster):
    hung = cluster.open(session_timeout_s=1.5, poll_interval_s=2.0, drain_s=0.5, longest_handling_s=1.0)
    hung.producer().send(tiles(10))
    take(hung.consumer("analysis", ["tiles"]), 1)
    alive = cluster.open(session_timeout_s=1.5, poll_interval_s=2.0, drain_s=0.5).consumer("analysis", ["tiles"])
    assert len(set(names(take(alive, 10)))) == 10


def test_what_a_poisoned_batch_holds_is_handled_and_only_the_poison_is_kept_aside(cluster):
    transport, handled = cluster.open(), []
    transport.producer().send(tiles(6))
    cluster.put("tiles", "k", b"\x0a\x05a")

    def handle(tile):
        if tile.tile_id == "tile-3":
            raise PoisonError("no JPEG")
        handled.append(tile.tile_id)
        yield from ()

    loop = ConsumerLoop(
        Service("analysis"),
        Subscription("tiles", each(handle), batch=4),
        transport.consumer("analysis", ["tiles"]),
        transport.producer(),
        clock=SystemClock(),
        metrics=Metrics(),
        rate=DeadLetterRate(SystemClock()),
        tracer=Tracing().of("analysis"),
    )
    reached(lambda: (loop.run_once(0.5), sum(transport.dead_letters().counts().values()))[1] == 2)
    reached(lambda: not loop.run_once(0.5) and transport.waiting() == {})
    assert set(handled) == {f"tile-{n}" for n in range(6)} - {"tile-3"}
    reasons = {letter.reason for letter in transport.dead_letters().list()}
    assert reasons == {"no JPEG", "3 bytes on topic tiles are no Tile message"}


def test_a_replay_that_is_cut_off_leaves_the_letter_and_delivers_nothing(cluster, monkeypatch):
    transport = cluster.open()
    transport.producer().send(tiles(1))
    consumer = transport.consumer("analysis", ["tiles"])
    consumer.reject(take(consumer, 1)[0], "no JPEG")
    letters = transport.dead_letters()
    [letter] = letters.list()

    def fail(*_):
        raise RuntimeError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr("kafka.KafkaProducer.commit_transaction", fail)
        with pytest.raises(RuntimeError, match="the power went"):
            letters.replay(letter.letter_id)
    assert [kept.letter_id for kept in cluster.open().dead_letters().list()] == [letter.letter_id]
    assert consumer.poll(1, 0.5) == []
    letters.replay(letter.letter_id)
    assert names(take(consumer, 1)) == ["tile-0"]
    assert letters.list() == []


def test_a_message_larger_than_kafka_takes_is_poison(cluster):
    with pytest.raises(PoisonError, match="larger than Kafka takes"):
        cluster.open().producer().send([Outgoing("tiles", "k", Tile(tile_id="x" * 5_000_000))])


def test_a_broker_that_was_never_there_is_waited_for(cluster):
    transport = KafkaTransport(cluster.settings(bootstrap_servers="127.0.0.1:1"), cluster.registry)
    consumer = transport.consumer("analysis", ["tiles"])
    with pytest.raises(TransientError):
        transport.producer().send(tiles(1))
    assert consumer.poll(1, 0.2) == []
    transport.close()
