"""What every transport must do, as tests: subclass `TransportSuite` and give it a `broker`.

    class TestLocalLog(TransportSuite):
        @pytest.fixture
        def broker(self, tmp_path): ...  # a `Broker`, see below

Every test opens its own broker, which holds no message and no dead letter at first. Topics, groups and messages are
those of the registry. A broker may deliver a message more often than once and in several polls; nothing here says
otherwise.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.kit.clock import SystemClock
from services.kit.contracts import Order, ReadingRequest, Slide, Tile
from services.kit.dead_letter_rate import DeadLetterRate
from services.kit.loop import ConsumerLoop
from services.kit.service import Service, Subscription
from services.kit.telemetry import Metrics
from services.kit.tracing.export import SdkSink
from services.kit.tracing.identity import ids, root_of
from services.kit.tracing.tracer import Tracing
from services.kit.transport import Consumer, NoDeadLetter, Outgoing, Received, Transport, each

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
# A tag of field 1 (a text), a length of five bytes, and then only one.
DAMAGED = b"\x0a\x05a"


class Broker(Protocol):
    """One broker, which outlives the transports opened on it, as a server outlives its clients."""

    def open(self) -> Transport:
        """A transport; what it left uncommitted is delivered by the next one after it is closed."""
        ...

    def put(self, topic: str, key: str, value: bytes) -> None:
        """Write bytes as a message of `topic` for all its groups, whether they are one or not."""
        ...


def tile(name: str, deadline: datetime | None = None) -> Outgoing:
    # One key for all: on a partitioned broker order is promised within a partition only.
    return Outgoing("tiles", "slide-1", Tile(tile_id=name), deadline)


def names(batch: list[Received]) -> list[str]:
    return [message.value.tile_id for message in batch]


class TransportSuite:
    """The contract of `services.kit.transport`."""

    # Seconds after which a message that must come counts as lost.
    patience_s = 60.0
    # Seconds of silence that prove that no message comes; 0 where the broker answers at once.
    silence_s = 0.0

    @pytest.fixture
    def transport(self, broker: Broker):
        opened = broker.open()
        yield opened
        opened.close()

    def take(self, consumer: Consumer, count: int, limit: int = 100) -> list[Received]:
        """`count` messages, in as many polls as it takes."""
        taken: list[Received] = []
        until = time.monotonic() + self.patience_s
        while len(taken) < count and time.monotonic() < until:
            taken += consumer.poll(min(limit, count - len(taken)), 1.0)
        assert len(taken) == count, f"{len(taken)} of {count} messages came"
        return taken

    def assert_silent(self, consumer: Consumer) -> None:
        assert list(consumer.poll(100, self.silence_s)) == []

    def test_what_was_sent_is_received_as_it_was(self, transport):
        value = Tile(tile_id="a", um_per_px=0.137)
        transport.producer().send([Outgoing("tiles", "k", value, NOON, {"trace": "t"})])
        [message] = self.take(transport.consumer("analysis", ["tiles"]), 1)
        assert (message.topic, message.key, message.value) == ("tiles", "k", value)
        assert Tile.FromString(message.raw) == value
        assert (message.deadline, message.headers, message.attempts) == (NOON, {"trace": "t"}, 0)
        assert message.unreadable is None

    def test_the_most_urgent_message_comes_first_and_one_without_a_deadline_last(self, transport):
        transport.producer().send([tile("none"), tile("late", NOON + timedelta(hours=1)), tile("early", NOON)])
        assert names(self.take(transport.consumer("analysis", ["tiles"]), 3)) == ["early", "late", "none"]

    def test_messages_of_one_deadline_come_in_the_order_in_which_they_were_sent(self, transport):
        transport.producer().send([tile(str(n), NOON) for n in range(20)])
        assert names(self.take(transport.consumer("analysis", ["tiles"]), 20)) == [str(n) for n in range(20)]

    def test_a_message_is_delivered_once_while_it_is_being_handled(self, transport):
        transport.producer().send([tile("a"), tile("b")])
        consumer = transport.consumer("analysis", ["tiles"])
        assert names(self.take(consumer, 1)) == ["a"]
        assert names(self.take(consumer, 1)) == ["b"]
        self.assert_silent(consumer)

    def test_what_was_committed_is_not_delivered_again_after_a_restart(self, broker):
        first = broker.open()
        first.producer().send([tile("a"), tile("b")])
        consumer = first.consumer("analysis", ["tiles"])
        consumer.commit(self.take(consumer, 2))
        consumer.close()
        first.close()
        second = broker.open()
        second.producer().send([tile("c")])
        consumer = second.consumer("analysis", ["tiles"])
        assert names(self.take(consumer, 1)) == ["c"]
        consumer.close()
        second.close()

    def test_what_was_not_committed_is_delivered_again_after_a_restart(self, broker):
        first = broker.open()
        first.producer().send([tile("a"), tile("b")])
        consumer = first.consumer("analysis", ["tiles"])
        consumer.commit(self.take(consumer, 2)[:1])
        consumer.close()
        first.close()
        second = broker.open()
        consumer = second.consumer("analysis", ["tiles"])
        assert names(self.take(consumer, 1)) == ["b"]
        consumer.close()
        second.close()

    def test_a_commit_says_nothing_of_messages_delivered_before(self, broker):
        first = broker.open()
        first.producer().send([tile("a"), tile("b")])
        consumer = first.consumer("analysis", ["tiles"])
        consumer.commit(self.take(consumer, 2)[1:])
        consumer.close()
        first.close()
        second = broker.open()
        consumer = second.consumer("analysis", ["tiles"])
        assert names(self.take(consumer, 1)) == ["a"]
        consumer.close()
        second.close()

    def test_every_group_of_the_registry_gets_its_own_copy(self, transport):
        transport.producer().send([Outgoing("orders", "o", Order(order_id="1"))])
        for group in ("ingestion", "reasoning"):
            consumer = transport.consumer(group, ["orders"])
            [message] = self.take(consumer, 1)
            assert message.value.order_id == "1"
            consumer.commit([message])
            self.assert_silent(consumer)
            consumer.close()

    def test_what_waits_is_told_by_group_and_topic(self, transport):
        transport.producer().send([Outgoing("orders", "o", Order(order_id="1"))])
        assert transport.waiting() == {("ingestion", "orders"): 1, ("reasoning", "orders"): 1}
        consumer = transport.consumer("ingestion", ["orders"])
        consumer.commit(self.take(consumer, 1))
        assert transport.waiting() == {("reasoning", "orders"): 1}

    def test_a_retried_message_comes_again_with_its_attempts_counted(self, transport):
        transport.producer().send([tile("a")])
        consumer = transport.consumer("analysis", ["tiles"])
        consumer.retry(self.take(consumer, 1), 0.0)
        [again] = self.take(consumer, 1)
        assert (again.value.tile_id, again.attempts) == ("a", 1)

    def test_a_retried_message_does_not_come_before_its_delay(self, transport):
        transport.producer().send([tile("a")])
        consumer = transport.consumer("analysis", ["tiles"])
        consumer.retry(self.take(consumer, 1), 3600.0)
        self.assert_silent(consumer)

    def test_a_retried_message_does_not_stand_in_the_way_of_others(self, transport):
        transport.producer().send([tile("urgent", NOON), tile("b")])
        consumer = transport.consumer("analysis", ["tiles"])
        consumer.retry(self.take(consumer, 1), 3600.0)
        assert names(self.take(consumer, 1)) == ["b"]

    def test_a_retried_message_is_not_lost_by_the_commit_of_others_and_a_restart(self, broker):
        first = broker.open()
        first.producer().send([tile("a"), tile("b")])
        consumer = first.consumer("analysis", ["tiles"])
        consumer.retry(self.take(consumer, 1), 3600.0)
        consumer.commit(self.take(consumer, 1))
        consumer.close()
        first.close()
        second = broker.open()
        consumer = second.consumer("analysis", ["tiles"])
        assert names(self.take(consumer, 1)) == ["a"]
        consumer.close()
        second.close()

    def test_a_batch_holds_one_topic_only(self, transport):
        order, request = Order(order_id="1"), ReadingRequest(round=2)
        transport.producer().send([Outgoing("orders", "o", order), Outgoing("requests", "s", request)])
        consumer = transport.consumer("ingestion", ["orders", "requests"])
        topics: set[str] = set()
        until = time.monotonic() + self.patience_s
        while len(topics) < 2 and time.monotonic() < until:
            batch = consumer.poll(10, 1.0)
            assert len({message.topic for message in batch}) <= 1
            topics |= {message.topic for message in batch}
        assert topics == {"orders", "requests"}

    def test_a_message_of_the_wrong_type_is_refused_and_nothing_of_its_batch_is_kept(self, transport):
        with pytest.raises(TypeError, match="carries Tile, not Order"):
            transport.producer().send([tile("a"), Outgoing("tiles", "k", Order())])
        self.assert_silent(transport.consumer("analysis", ["tiles"]))

    def test_a_waiting_consumer_is_woken_by_a_message(self, transport):
        received: list[Received] = []
        consumer = transport.consumer("analysis", ["tiles"])
        thread = threading.Thread(target=lambda: received.extend(consumer.poll(1, self.patience_s)))
        thread.start()
        transport.producer().send([tile("a")])
        thread.join(self.patience_s)
        assert names(received) == ["a"]

    def test_a_rejected_message_is_kept_complete_among_the_dead_letters(self, transport):
        value = Tile(tile_id="a", um_per_px=0.137)
        transport.producer().send([Outgoing("tiles", "k", value, NOON, {"trace": "t"})])
        consumer = transport.consumer("analysis", ["tiles"])
        consumer.retry(self.take(consumer, 1), 0.0)
        before = datetime.now(UTC) - timedelta(seconds=1)
        consumer.reject(self.take(consumer, 1)[0], "not a JPEG")
        [letter] = transport.dead_letters().list()
        assert (letter.topic, letter.group, letter.key, letter.reason) == ("tiles", "analysis", "k", "not a JPEG")
        assert (letter.deadline, letter.headers, letter.attempts) == (NOON, {"trace": "t"}, 2)
        assert Tile.FromString(letter.value) == value
        assert before <= letter.at <= datetime.now(UTC) + timedelta(seconds=1)

    def test_a_rejected_message_is_delivered_to_its_group_no_more_and_to_others_as_ever(self, broker):
        first = broker.open()
        first.producer().send([Outgoing("orders", "o", Order(order_id="1"))])
        consumer = first.consumer("ingestion", ["orders"])
        consumer.reject(self.take(consumer, 1)[0], "no specimen")
        self.assert_silent(consumer)
        consumer.close()
        first.close()
        second = broker.open()
        ingestion, reasoning = second.consumer("ingestion", ["orders"]), second.consumer("reasoning", ["orders"])
        assert self.take(reasoning, 1)[0].value.order_id == "1"
        self.assert_silent(ingestion)
        assert [letter.group for letter in second.dead_letters().list()] == ["ingestion"]
        ingestion.close()
        reasoning.close()
        second.close()

    def test_dead_letters_are_counted_by_group_and_topic_and_listed_oldest_first(self, transport):
        assert transport.dead_letters().counts() == {}
        transport.producer().send([tile("a"), tile("b")])
        consumer = transport.consumer("analysis", ["tiles"])
        for message in self.take(consumer, 2):
            consumer.reject(message, f"{message.value.tile_id} is no JPEG")
        assert transport.dead_letters().counts() == {("analysis", "tiles"): 2}
        reasons = [letter.reason for letter in transport.dead_letters().list()]
        assert reasons == ["a is no JPEG", "b is no JPEG"]

    def test_a_replayed_message_is_delivered_again_to_its_group_alone(self, transport):
        transport.producer().send([Outgoing("orders", "o", Order(order_id="1"), NOON, {"trace": "t"})])
        ingestion, reasoning = transport.consumer("ingestion", ["orders"]), transport.consumer("reasoning", ["orders"])
        reasoning.commit(self.take(reasoning, 1))
        ingestion.reject(self.take(ingestion, 1)[0], "no specimen")
        letters = transport.dead_letters()
        [letter] = letters.list()
        letters.replay(letter.letter_id)
        assert (list(letters.list()), letters.counts()) == ([], {})
        [again] = self.take(ingestion, 1)
        assert (again.topic, again.key, again.value.order_id) == ("orders", "o", "1")
        assert (again.deadline, again.headers) == (NOON, {"trace": "t"})
        ingestion.commit([again])
        self.assert_silent(reasoning)

    def test_a_message_that_is_rejected_again_after_its_replay_is_a_dead_letter_again(self, transport):
        transport.producer().send([tile("a")])
        consumer, letters = transport.consumer("analysis", ["tiles"]), transport.dead_letters()
        consumer.reject(self.take(consumer, 1)[0], "not a JPEG")
        letters.replay(letters.list()[0].letter_id)
        consumer.reject(self.take(consumer, 1)[0], "still not a JPEG")
        assert [letter.reason for letter in letters.list()] == ["still not a JPEG"]

    def test_a_dead_letter_is_replayed_once(self, transport):
        transport.producer().send([tile("a")])
        consumer, letters = transport.consumer("analysis", ["tiles"]), transport.dead_letters()
        consumer.reject(self.take(consumer, 1)[0], "not a JPEG")
        [letter] = letters.list()
        letters.replay(letter.letter_id)
        with pytest.raises(NoDeadLetter, match=letter.letter_id):
            letters.replay(letter.letter_id)

    def test_bytes_that_are_no_message_are_delivered_as_such_and_kept_as_they_are(self, broker, transport):
        broker.put("tiles", "k", DAMAGED)
        transport.producer().send([tile("b")])
        consumer = transport.consumer("analysis", ["tiles"])
        damaged, readable = sorted(self.take(consumer, 2), key=lambda message: message.unreadable is None)
        assert (damaged.value, damaged.raw, readable.value.tile_id) == (None, DAMAGED, "b")
        assert damaged.unreadable is not None
        assert "Tile" in damaged.unreadable
        consumer.reject(damaged, damaged.unreadable)
        [letter] = transport.dead_letters().list()
        assert (letter.value, letter.key, letter.reason) == (DAMAGED, "k", damaged.unreadable)

    def test_a_handlers_span_is_named_in_the_headers_of_what_it_sends(self, transport):
        spans = InMemorySpanExporter()
        tracing = Tracing(SdkSink(SimpleSpanProcessor(spans)))
        slide = Slide(slide_id="S1")
        transport.producer().send([Outgoing("tiles", "slide-1", Tile(slide=slide, tile_id="a"))])
        handle = each(lambda tile: [Outgoing("requests", "S1", ReadingRequest(slide=tile.slide, round=2))])
        loop = ConsumerLoop(
            Service("analysis"),
            Subscription("tiles", handle),
            transport.consumer("analysis", ["tiles"]),
            transport.producer(),
            clock=SystemClock(),
            metrics=Metrics(),
            rate=DeadLetterRate(SystemClock()),
            tracer=tracing.of("analysis"),
        )
        until = time.monotonic() + self.patience_s
        while not loop.run_once(1.0) and time.monotonic() < until:
            continue
        [handled] = spans.get_finished_spans()
        [message] = self.take(transport.consumer("ingestion", ["requests"]), 1)
        trace_id, span_id = ids(handled.get_span_context())
        assert message.headers["traceparent"] == f"00-{trace_id}-{span_id}-01"
        assert trace_id == ids(root_of("S1"))[0]
        assert {"messaging.system", "messaging.destination.name"} <= handled.attributes.keys()
        assert handled.attributes["messaging.system"] == message.origin["messaging.system"]
