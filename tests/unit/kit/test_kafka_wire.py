from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from kafka.record import util

from services.kit.clock import ManualClock
from services.kit.contracts import Order, Tile
from services.kit.kafka.names import Names
from services.kit.kafka.wire import encode, held, letter, meant_for, read_letter, received, replayed
from services.kit.topics import topics
from services.kit.transport import Outgoing

NOON = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)
NAMES = Names("a.")
TILES = topics()["tiles"]


def fetched(record, offset=17, partition=3):
    """What kafka-python would give for a record that was sent."""
    return SimpleNamespace(
        topic=record.topic,
        partition=partition,
        offset=offset,
        key=record.key,
        value=record.value,
        headers=record.headers,
    )


def sent(**given):
    message = Outgoing(
        "tiles", "slide-1+t", Tile(tile_id="t"), **{"deadline": NOON, "headers": {"trace": "x"}, **given}
    )
    return fetched(encode(message, TILES, NAMES))


def test_a_message_comes_back_as_it_was_sent():
    message = received(held(sent()), TILES)
    assert (message.topic, message.key, message.value.tile_id) == ("tiles", "slide-1+t", "t")
    assert (message.deadline, message.headers, message.attempts) == (NOON, {"trace": "x"}, 0)
    assert message.position == (("a.tiles", 3), 17)


def test_the_sender_is_named_in_a_record_header_as_w3c_writes_it():
    parent = "00-748820c491c66b2b223e3ef7ecfa4332-b94105f165c0d86a-01"
    record = sent(headers={"traceparent": parent})
    assert ("traceparent", parent.encode()) in record.headers
    assert received(held(record), TILES).headers["traceparent"] == parent


def test_a_message_tells_where_on_kafka_it_was():
    assert received(held(sent()), TILES).origin == {
        "messaging.system": "kafka",
        "messaging.destination.name": "a.tiles",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 17,
    }


def test_urgency_is_the_deadline_and_without_one_the_message_comes_last():
    assert held(sent()).urgency == NOON.timestamp()
    assert held(sent(deadline=None)).urgency == float("inf")


def test_a_deadline_of_another_time_zone_is_the_same_moment():
    there = NOON.astimezone(timezone(timedelta(hours=9)))
    assert received(held(sent(deadline=there)), TILES).deadline == NOON


@pytest.mark.parametrize("text", [b"tomorrow", b"2026-01-05T12:00:00", b"\xff"])
def test_a_deadline_that_cannot_be_read_is_none(text):
    record = sent(deadline=None)
    record.headers.append(("frottis-deadline", text))
    assert received(held(record), TILES).deadline is None
    assert held(record).urgency == float("inf")


def test_a_value_of_another_type_is_refused():
    with pytest.raises(TypeError, match="carries Tile, not Order"):
        encode(Outgoing("tiles", "k", Order()), TILES, NAMES)


def test_a_record_that_another_program_wrote_is_read_as_far_as_it_goes():
    record = SimpleNamespace(topic="a.tiles", partition=0, offset=0, key=None, value=None, headers=[("x", b"\xff")])
    message = received(held(record), TILES)
    assert (message.key, message.raw, message.headers) == ("", b"", {"x": "\\xff"})


def test_a_dead_letter_holds_the_message_complete_and_is_the_same_one_when_written_twice():
    message, clock = received(held(sent()), TILES), ManualClock(NOON)
    record = letter(message, "analysis", "no JPEG", clock, NAMES)
    clock.advance(5)
    assert letter(message, "analysis", "no JPEG", clock, NAMES).key == record.key
    assert record.topic == "a.tiles.dead"
    read = read_letter(fetched(record))
    assert (read.topic, read.group, read.key, read.reason, read.attempts) == (
        "tiles",
        "analysis",
        "slide-1+t",
        "no JPEG",
        1,
    )
    assert (read.deadline, read.headers, read.at) == (NOON, {"trace": "x"}, NOON)
    assert Tile.FromString(read.value).tile_id == "t"
    about = dict(record.headers)
    assert (about["frottis-dead-partition"], about["frottis-dead-offset"]) == (b"3", b"17")


def test_what_is_replayed_is_for_its_group_alone_and_removes_the_letter():
    record = letter(received(held(sent()), TILES), "analysis", "no JPEG", ManualClock(NOON), NAMES)
    again, removal = replayed(read_letter(fetched(record)), NAMES)
    assert (removal.topic, removal.key, removal.value) == ("a.tiles.dead", record.key, None)
    assert meant_for("analysis", fetched(again))
    assert not meant_for("review", fetched(again))
    message = received(held(fetched(again)), TILES)
    assert (message.key, message.deadline, message.headers) == ("slide-1+t", NOON, {"trace": "x"})


def test_an_ordinary_message_is_for_every_group():
    assert meant_for("analysis", sent())


def test_the_librarys_checksum_is_the_one_in_c():
    assert util.crc32c_c is not None
