"""How long tiles are kept, and what happens when they cannot be written."""

import resource
import signal
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, update

from services.ingestion.tables import SCANS
from services.kit.contracts import Decision, Delivery, DeliveryState
from services.kit.errors import TransientError
from services.kit.objects import Objects
from tests.unit.ingestion.at_work import FEW_CELLS, REFUSED, Ingestion

DAY_S = 86_400
RELEASED, HELD = Decision.DECISION_RELEASED, Decision.DECISION_HELD
SENDING, ACKNOWLEDGED = DeliveryState.DELIVERY_STATE_SENDING, DeliveryState.DELIVERY_STATE_ACKNOWLEDGED
REJECTED = DeliveryState.DELIVERY_STATE_REJECTED


@pytest.fixture
def ingestion(tmp_path, small_slide):
    made = Ingestion(tmp_path, Objects.in_folder(tmp_path / "objects"), keep_days=30, **FEW_CELLS)
    made.put(small_slide[0])
    made.scan = made.settled()[-1]
    prune(made)
    yield made
    made.database.close()


def prune(ingestion, days=0.0):
    ingestion.clock.advance(days * DAY_S)
    assert list(ingestion.retention.prune()) == []


def end(ingestion, decision=RELEASED, state=ACKNOWLEDGED):
    delivery = Delivery(report_id="R1", slide=ingestion.scan.slide, decision=decision, state=state)
    assert list(ingestion.retention.deliveries(delivery)) == []


def stored(ingestion):
    return len(ingestion.objects.list(f"slides/{ingestion.scan.slide.slide_id}/tiles"))


def removed(ingestion):
    return ingestion.metrics.registry.get_sample_value("frottis_tiles_removed_total")


def test_tiles_are_removed_long_after_the_end_and_counted_and_what_others_wrote_is_kept(ingestion):
    tiles, _ = ingestion.read(ingestion.scan)
    slide_id = ingestion.scan.slide.slide_id
    kept = [ingestion.objects.put(f"slides/{slide_id}/{name}", b"x") for name in ("crops/c.jpg", "cells.jsonl")]
    prune(ingestion, 20)
    end(ingestion)
    prune(ingestion, 29.9)
    assert (stored(ingestion), removed(ingestion)) == (len(tiles), 0)
    end(ingestion)
    prune(ingestion, 0.2)
    assert (stored(ingestion), removed(ingestion)) == (0, len(tiles))
    assert ingestion.objects.list(f"slides/{slide_id}") == sorted(kept)
    prune(ingestion, 100)
    assert removed(ingestion) == len(tiles)


@pytest.mark.parametrize("heard", [(RELEASED, SENDING), (RELEASED, REJECTED), (HELD, ACKNOWLEDGED), None])
def test_a_slide_that_waits_or_is_held_keeps_its_tiles_for_as_long_as_it_does(ingestion, heard):
    tiles, _ = ingestion.read(ingestion.scan)
    if heard:
        end(ingestion, *heard)
    prune(ingestion, 10_000)
    assert stored(ingestion) == len(tiles)
    end(ingestion)
    prune(ingestion, 29)
    assert stored(ingestion) == len(tiles), "its end counts, not its age"
    prune(ingestion, 2)
    assert stored(ingestion) == 0


def test_a_slide_that_is_read_again_after_its_end_is_young(ingestion):
    ingestion.read(ingestion.scan)
    end(ingestion)
    prune(ingestion, 29)
    ingestion.pixels.begin(ingestion.scan.slide.slide_id)
    prune(ingestion, 29)
    assert stored(ingestion) > 0
    prune(ingestion, 2)
    assert stored(ingestion) == 0


def begun(ingestion):
    outputs = ingestion.handlers.scans(ingestion.scan)
    next(outputs)
    outputs.close()
    assert stored(ingestion) >= 1


def test_tiles_of_a_slide_that_is_still_to_be_read_stay(ingestion):
    begun(ingestion)
    prune(ingestion, 1000)
    assert stored(ingestion) >= 1


@pytest.mark.parametrize("change", [delete(SCANS), update(SCANS).values(state=REFUSED)])
def test_tiles_of_a_reading_that_came_to_nothing_go_when_no_message_names_them_any_more(ingestion, change):
    begun(ingestion)
    with ingestion.database.transaction() as connection:
        connection.execute(change)
    prune(ingestion, 6.9)
    assert stored(ingestion) >= 1, "its messages may still be under way"
    prune(ingestion, 0.2)
    assert stored(ingestion) == 0


def test_a_clock_that_is_set_removes_nothing_and_a_restart_makes_nothing_young(ingestion):
    tiles, _ = ingestion.read(ingestion.scan)
    end(ingestion)
    for moment in (datetime(2126, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)):
        ingestion.clock.set_wall(moment)
        prune(ingestion)
    assert stored(ingestion) == len(tiles)
    prune(ingestion, 20)
    ingestion.restart()
    prune(ingestion)
    assert stored(ingestion) == len(tiles)
    prune(ingestion, 10.5)
    assert stored(ingestion) == 0


def test_a_store_that_goes_away_in_the_middle_makes_the_removal_wait(ingestion, monkeypatch):
    tiles, _ = ingestion.read(ingestion.scan)
    end(ingestion)
    pages = ingestion.objects.pages

    def ending(prefix):
        for uri in next(pages(prefix))[:2]:
            yield [uri]
        raise TransientError("the object store cannot serve now")

    with monkeypatch.context() as patched:
        patched.setattr(ingestion.objects, "pages", ending)
        with pytest.raises(TransientError):
            prune(ingestion, 31)
    assert stored(ingestion) == len(tiles) - 2
    prune(ingestion)
    assert (stored(ingestion), removed(ingestion)) == (0, len(tiles))


def test_a_disk_that_takes_no_more_makes_the_reading_wait_and_readiness_says_so(ingestion):
    assert ingestion.objects.problem() is None
    with ingestion.database.engine.connect() as connection:
        # The limit is one of every file, and the database is to have its room.
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
    try:
        with pytest.raises(TransientError, match="object store"):
            ingestion.read(ingestion.scan)
        with pytest.raises(TransientError, match="object store"):
            ingestion.objects.look()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "disk" in ingestion.objects.problem()
    tiles, reading = ingestion.read(ingestion.scan)
    assert list(reading.tile_ids) == [tile.tile_id for tile in tiles]
    assert ingestion.objects.problem() is None
