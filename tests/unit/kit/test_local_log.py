import threading
from datetime import UTC, datetime, timedelta

import pytest

from services.kit.contracts import Order, Tile
from services.kit.local_log import LocalLog
from services.kit.transport import Outgoing

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def log(tmp_path):
    opened = LocalLog(tmp_path / "messages.db")
    yield opened
    opened.close()


def tile(name, deadline=None):
    return Outgoing("tiles", name, Tile(tile_id=name), deadline)


def names(batch):
    return [message.value.tile_id for message in batch]


def test_what_was_sent_is_received_as_it_was(log):
    log.send([Outgoing("tiles", "k", Tile(tile_id="a", um_per_px=0.137), NOON, {"trace": "t"})])
    [message] = log.consumer("analysis", ["tiles"]).poll(10, 0)
    assert (message.topic, message.key, message.value.um_per_px) == ("tiles", "k", 0.137)
    assert (message.deadline, message.headers, message.attempts) == (NOON, {"trace": "t"}, 0)


def test_the_most_urgent_message_comes_first(log):
    log.send([tile("none"), tile("late", NOON + timedelta(hours=1)), tile("early", NOON)])
    assert names(log.consumer("analysis", ["tiles"]).poll(10, 0)) == ["early", "late", "none"]


def test_every_group_of_the_registry_gets_its_own_copy(log):
    log.send([Outgoing("orders", "s", Order(order_id="1"))])
    assert log.waiting() == {("ingestion", "orders"): 1, ("reasoning", "orders"): 1}
    ingestion = log.consumer("ingestion", ["orders"])
    ingestion.commit(ingestion.poll(1, 0))
    assert log.waiting() == {("reasoning", "orders"): 1}


def test_a_message_is_delivered_once_while_it_is_being_handled(log):
    log.send([tile("a"), tile("b")])
    consumer = log.consumer("analysis", ["tiles"])
    assert names(consumer.poll(1, 0)) == ["a"]
    assert names(consumer.poll(5, 0)) == ["b"]
    assert consumer.poll(5, 0) == []


def test_what_was_not_committed_is_delivered_again_after_a_restart(tmp_path):
    first = LocalLog(tmp_path / "messages.db")
    first.send([tile("a"), tile("b")])
    consumer = first.consumer("analysis", ["tiles"])
    batch = consumer.poll(2, 0)
    consumer.commit(batch[:1])
    first.close()
    second = LocalLog(tmp_path / "messages.db")
    assert names(second.consumer("analysis", ["tiles"]).poll(5, 0)) == ["b"]
    second.close()


def test_a_retried_message_comes_again_with_its_attempts_counted(log):
    log.send([tile("a")])
    consumer = log.consumer("analysis", ["tiles"])
    consumer.retry(consumer.poll(1, 0), 0.0)
    [again] = consumer.poll(1, 0)
    assert again.attempts == 1
    consumer.retry([again], 3600.0)
    assert consumer.poll(1, 0) == []


def test_a_retried_message_does_not_stand_in_the_way_of_others(log):
    log.send([tile("urgent", NOON), tile("b")])
    consumer = log.consumer("analysis", ["tiles"])
    consumer.retry(consumer.poll(1, 0), 3600.0)
    assert names(consumer.poll(1, 0)) == ["b"]


def test_a_rejected_message_is_kept_complete_among_the_dead_letters(log):
    log.send([tile("a")])
    consumer = log.consumer("analysis", ["tiles"])
    consumer.reject(consumer.poll(1, 0)[0], "not a JPEG")
    [letter] = log.dead_letters()
    assert (letter["topic"], letter["group"], letter["reason"]) == ("tiles", "analysis", "not a JPEG")
    assert Tile.FromString(letter["value"]).tile_id == "a"
    assert log.waiting() == {}


def test_a_batch_holds_one_topic_only(log):
    log.send(
        [Outgoing("orders", "s", Order(order_id="1")), Outgoing("requests", "s", log.topics["requests"].message())]
    )
    consumer = log.consumer("ingestion", ["orders", "requests"])
    assert len(consumer.poll(10, 0)) == 1


def test_a_message_of_the_wrong_type_is_refused_and_nothing_of_its_batch_is_kept(log):
    with pytest.raises(TypeError, match="carries Tile, not Order"):
        log.send([tile("a"), Outgoing("tiles", "k", Order())])
    assert log.waiting() == {}


def test_a_waiting_consumer_is_woken_by_a_message(log):
    consumer = log.consumer("analysis", ["tiles"])
    received = []
    thread = threading.Thread(target=lambda: received.extend(consumer.poll(1, 60)))
    thread.start()
    log.send([tile("a")])
    thread.join(30)
    assert names(received) == ["a"]


def test_committed_messages_leave_the_file(log):
    log.send(tile(str(n)) for n in range(50))
    consumer = log.consumer("analysis", ["tiles"])
    consumer.commit(consumer.poll(50, 0))
    assert log.fetch("SELECT COUNT(*) FROM messages", ()) == [(0,)]
