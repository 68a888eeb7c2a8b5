import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.kit.clock import ManualClock
from services.kit.contracts import Order, Tile
from services.kit.database import StateUnusable
from services.kit.errors import TransientError
from services.kit.local_log import LocalLog
from services.kit.topics import topics
from services.kit.transport import NotReplayable, Outgoing
from tests.unit.kit.transport_suite import TransportSuite

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Folder:
    """A broker that is a file."""

    def __init__(self, path):
        self.path = path

    def open(self):
        return LocalLog(self.path)

    def put(self, topic, key, value):
        self.open().close()
        db = sqlite3.connect(self.path)
        with db:
            row = db.execute(
                "INSERT INTO messages (topic, key, value, deadline, headers) VALUES (?, ?, ?, 1e15, '{}')",
                (topic, key, value),
            )
            pending = [(group, topic, row.lastrowid) for group in topics()[topic].consumers]
            db.executemany('INSERT INTO pending ("group", topic, deadline, message) VALUES (?, ?, 1e15, ?)', pending)
        db.close()


class TestLocalLog(TransportSuite):
    @pytest.fixture
    def broker(self, tmp_path):
        return Folder(tmp_path / "messages.db")


@pytest.fixture
def clock():
    return ManualClock(NOON)


@pytest.fixture
def log(tmp_path, clock):
    opened = LocalLog(tmp_path / "messages.db", clock=clock)
    yield opened
    opened.close()


def tile(name):
    return Outgoing("tiles", name, Tile(tile_id=name))


def names(batch):
    return [message.value.tile_id for message in batch]


def reject(log, name, reason="not a JPEG"):
    log.send([tile(name)])
    consumer = log.consumer("analysis", ["tiles"])
    consumer.reject(consumer.poll(1, 0)[0], reason)


def test_a_retried_message_comes_when_its_delay_has_passed(log, clock):
    log.send([tile("a")])
    consumer = log.consumer("analysis", ["tiles"])
    consumer.retry(consumer.poll(1, 0), 30.0)
    clock.advance(29)
    assert consumer.poll(1, 0) == []
    clock.advance(1)
    assert names(consumer.poll(1, 0)) == ["a"]


def test_a_wall_clock_set_back_does_not_hold_up_a_retry(log, clock):
    log.send([tile("a")])
    consumer = log.consumer("analysis", ["tiles"])
    consumer.retry(consumer.poll(1, 0), 30.0)
    clock.set_wall(NOON - timedelta(days=400))
    clock.advance(30)
    assert names(consumer.poll(1, 0)) == ["a"]


def test_committed_messages_leave_the_file(log, tmp_path):
    log.send(tile(str(n)) for n in range(50))
    consumer = log.consumer("analysis", ["tiles"])
    consumer.commit(consumer.poll(50, 0))
    with sqlite3.connect(tmp_path / "messages.db") as db:
        assert db.execute("SELECT (SELECT COUNT(*) FROM messages) + (SELECT COUNT(*) FROM pending)").fetchone() == (0,)
    db.close()


def test_the_file_does_not_grow_with_the_messages_that_went_through(log, tmp_path):
    """The room of removed messages is used again: after the first hundreds no page is added."""
    consumer, reader = log.consumer("analysis", ["tiles"]), sqlite3.connect(tmp_path / "messages.db")
    sizes = []
    for _ in range(8):
        log.send(Outgoing("tiles", "k", Tile(tile_id=f"{n:05d}" * 40)) for n in range(200))
        consumer.commit(consumer.poll(200, 0))
        sizes.append(reader.execute("PRAGMA page_count").fetchone()[0])
    reader.close()
    assert sizes[-1] <= sizes[1]


def test_a_group_that_left_a_topic_holds_nothing_up(tmp_path):
    before = LocalLog(tmp_path / "messages.db")
    before.send([tile("a"), Outgoing("orders", "o", Order(order_id="1"))])
    before.close()
    known = dict(topics())
    changed = {**known, "orders": _consumed_by(known["orders"], "reasoning")}
    del changed["tiles"]
    after = LocalLog(tmp_path / "messages.db", changed)
    assert after.drop_departed() == {("analysis", "tiles"): 1, ("ingestion", "orders"): 1}
    assert after.waiting() == {("reasoning", "orders"): 1}
    assert after.drop_departed() == {}
    [order] = after.consumer("reasoning", ["orders"]).poll(1, 0)
    assert order.value.order_id == "1"
    after.close()


def _consumed_by(topic, *groups):
    return replace(topic, consumers=groups)


def test_a_dead_letter_of_a_group_that_left_its_topic_is_not_replayed_and_is_kept(tmp_path):
    before = LocalLog(tmp_path / "messages.db")
    reject(before, "a")
    before.close()
    known = dict(topics())
    after = LocalLog(tmp_path / "messages.db", {**known, "tiles": _consumed_by(known["tiles"], "lis")})
    letters = after.dead_letters()
    with pytest.raises(NotReplayable, match="analysis no longer takes tiles"):
        letters.replay(letters.list()[0].letter_id)
    assert len(letters.list()) == 1
    after.close()


def test_old_dead_letters_are_dropped_and_younger_ones_kept(log, clock):
    reject(log, "old")
    clock.advance(3600)
    reject(log, "young")
    assert log.dead_letters().drop(clock.now() - timedelta(seconds=1800)) == 1
    assert [Tile.FromString(letter.value).tile_id for letter in log.dead_letters().list()] == ["young"]


def test_a_replay_by_another_process_is_delivered_by_the_one_that_runs(log, tmp_path):
    reject(log, "a")
    consumer = log.consumer("analysis", ["tiles"])
    assert consumer.poll(1, 0) == []
    other = LocalLog(tmp_path / "messages.db")
    other.dead_letters().replay(other.dead_letters().list()[0].letter_id)
    other.close()
    assert names(consumer.poll(1, 0)) == ["a"]


def test_a_log_of_the_first_version_is_taken_over_with_its_dead_letters(tmp_path):
    with sqlite3.connect(tmp_path / "messages.db") as db:
        db.execute(
            'CREATE TABLE dead_letters (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, "group" TEXT NOT NULL,'
            " key TEXT NOT NULL, value BLOB NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL)"
        )
        db.execute(
            'INSERT INTO dead_letters (topic, "group", key, value, reason, at) VALUES (?, ?, ?, ?, ?, ?)',
            ("tiles", "analysis", "k", Tile(tile_id="a").SerializeToString(), "not a JPEG", NOON.timestamp()),
        )
    db.close()
    log = LocalLog(tmp_path / "messages.db")
    [letter] = log.dead_letters().list()
    assert (letter.at, letter.deadline, letter.headers, letter.attempts) == (NOON, None, {}, 1)
    log.dead_letters().replay(letter.letter_id)
    assert names(log.consumer("analysis", ["tiles"]).poll(1, 0)) == ["a"]
    log.close()


def test_processes_that_start_together_share_a_new_log(tmp_path):
    problems, gate = [], threading.Barrier(6)

    def start():
        gate.wait(60)
        try:
            LocalLog(tmp_path / "messages.db").close()
        except StateUnusable as error:
            problems.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []


def test_a_damaged_log_is_told_as_such(tmp_path):
    (tmp_path / "messages.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StateUnusable, match="message log"):
        LocalLog(tmp_path / "messages.db")


def test_a_log_that_cannot_be_read_now_is_a_transient_error(log, tmp_path):
    consumer = log.consumer("analysis", ["tiles"])
    with sqlite3.connect(tmp_path / "messages.db") as db:
        db.execute("ALTER TABLE pending RENAME TO elsewhere")
    db.close()
    with pytest.raises(TransientError, match="check its disk"):
        consumer.poll(1, 0)
