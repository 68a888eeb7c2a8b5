"""Every log line that is written while a message is handled names the slide and its trace; none leaks to the next."""

import io
import json
import logging
from datetime import UTC, datetime

import pytest
import structlog

from services.kit.clock import ManualClock
from services.kit.contracts import Order, Slide, Tile
from services.kit.dead_letter_rate import DeadLetterRate
from services.kit.errors import PoisonError, TransientError
from services.kit.local_log import LocalLog
from services.kit.loop import ConsumerLoop
from services.kit.objects import Objects
from services.kit.runner import Runner
from services.kit.service import Resources, Service, Subscription
from services.kit.telemetry import Metrics, configure_logging
from services.kit.tracing.identity import ids, root_of
from services.kit.tracing.tracer import Tracing
from services.kit.transport import Outgoing, each

log = structlog.get_logger()


@pytest.fixture
def lines():
    """The lines logged so far, read as JSON."""
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configure_logging(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before, level
    structlog.reset_defaults()


@pytest.fixture
def messages(tmp_path):
    opened = LocalLog(tmp_path / "messages.db")
    yield opened
    opened.close()


@pytest.fixture
def loop_of(messages):
    def build(topic, handle, batch=8):
        clock = ManualClock(datetime(2026, 1, 5, 12, tzinfo=UTC))
        return ConsumerLoop(
            Service("analysis"),
            Subscription(topic, handle, batch),
            messages.consumer("ingestion" if topic == "orders" else "analysis", [topic]),
            messages,
            clock=clock,
            metrics=Metrics(),
            rate=DeadLetterRate(clock),
            tracer=Tracing().of("analysis"),
        )

    return build


def tile(slide_id, name="a"):
    return Outgoing("tiles", f"{slide_id}+{name}", Tile(slide=Slide(slide_id=slide_id), tile_id=name))


def trace(slide_id):
    return ids(root_of(slide_id))[0]


def say(tile):
    log.info("seen", tile=tile.tile_id)
    return ()


def test_a_line_names_service_topic_slide_and_trace_also_without_traces(messages, loop_of, lines):
    messages.send([tile("S1")])
    loop_of("tiles", each(say)).run_once()
    [line] = lines()
    assert {name: line[name] for name in ("event", "level", "service", "topic", "slide_id", "trace_id", "tile")} == {
        "event": "seen",
        "level": "info",
        "service": "analysis",
        "topic": "tiles",
        "slide_id": "S1",
        "trace_id": trace("S1"),
        "tile": "a",
    }
    assert len(line["span_id"]) == 16


def test_each_message_of_a_batch_has_its_own_ids_and_the_next_batch_has_none_of_them(messages, loop_of, lines):
    messages.send([tile("S1"), tile("S2"), tile("S1", "b")])
    loop_of("tiles", each(say)).run_once()
    messages.send([Outgoing("orders", "o", Order(order_id="1"))])
    loop_of("orders", each(lambda _: log.info("ordered") or ())).run_once()
    log.info("idle")
    *seen, ordered, idle = lines()
    assert [(line["slide_id"], line["trace_id"]) for line in seen] == [
        (slide_id, trace(slide_id)) for slide_id in ("S1", "S2", "S1")
    ]
    assert len({line["span_id"] for line in seen}) == 3
    assert (ordered["service"], ordered["topic"]) == ("analysis", "orders")
    assert {"slide_id", "trace_id", "span_id"}.isdisjoint(ordered)
    assert set(idle) == {"event", "level", "timestamp"}


def test_lines_about_a_batch_of_several_slides_name_them_all(messages, loop_of, lines):
    def handle(_batch):
        log.info("batch")
        return ()

    messages.send([tile("S1"), tile("S2"), tile("S1", "b")])
    loop_of("tiles", handle).run_once()
    [line] = lines()
    assert (line["slide_ids"], line["trace_ids"]) == (["S1", "S2"], [trace("S1"), trace("S2")])
    assert "slide_id" not in line


@pytest.mark.parametrize(("error", "event"), [(TransientError("away"), "retry"), (PoisonError("no"), "dead letter")])
def test_what_the_loop_says_of_a_failure_names_the_slide(messages, loop_of, lines, error, event):
    def fail(_tile):
        raise error

    messages.send([tile("S1")])
    loop_of("tiles", each(fail)).run_once()
    log.info("idle")
    [failure, idle] = lines()
    assert (failure["event"], failure["service"], failure["topic"]) == (event, "analysis", "tiles")
    assert (failure["slide_id"], failure["trace_id"]) == ("S1", trace("S1"))
    assert set(idle) == {"event", "level", "timestamp"}


def test_a_batch_that_is_taken_apart_tells_each_message_by_itself(messages, loop_of, lines):
    def handle(tile):
        if tile.tile_id == "bad":
            raise PoisonError("no JPEG")
        return say(tile)

    messages.send([tile("S1", "bad"), tile("S2", "b")])
    loop_of("tiles", each(handle)).run_once()
    told = [(line["event"], line["slide_id"]) for line in lines()]
    assert told == [("dead letter", "S1"), ("seen", "S2")]


def test_lines_of_libraries_name_the_slide_too(messages, loop_of, lines):
    def handle(_tile):
        logging.getLogger("some.library").warning("slow")
        return ()

    messages.send([tile("S1")])
    loop_of("tiles", each(handle)).run_once()
    [line] = lines()
    assert (line["event"], line["slide_id"], line["trace_id"]) == ("slow", "S1", trace("S1"))


def test_lines_of_a_task_name_its_service(messages, lines):
    def task(stop):
        log.info("working")
        stop.set()

    resources = Resources(ManualClock(datetime(2026, 1, 5, tzinfo=UTC)), Metrics(), Objects.in_memory(), None)
    runner = Runner([Service("lis", tasks={"sender": task})], messages, resources)
    runner.start()
    runner.join(60)
    [line] = lines()
    assert (line["event"], line["service"]) == ("working", "lis")
