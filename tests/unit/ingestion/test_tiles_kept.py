"""How long tiles are kept, and what happens when they cannot be written."""

import resource
import signal
from datetime import UTC, datetime

import pytest

from services.kit.errors import TransientError
from services.kit.objects import Objects
from tests.unit.ingestion.at_work import FEW_CELLS, Ingestion

DAY_S = 86_400


@pytest.fixture
def ingestion(tmp_path, small_slide):
    made = Ingestion(tmp_path, Objects.in_folder(tmp_path / "objects"), keep_days=30, **FEW_CELLS)
    made.put(small_slide[0])
    made.scan = made.settled()[-1]
    yield made
    made.database.close()


def prune(ingestion, days=0.0):
    ingestion.clock.advance(days * DAY_S)
    assert list(ingestion.pixels.prune(ingestion.settings.keep_days)) == []


def stored(ingestion):
    return len(ingestion.objects.list(f"slides/{ingestion.scan.slide.slide_id}/tiles"))


def test_tiles_are_removed_once_they_are_old_and_what_others_wrote_is_kept(ingestion):
    tiles, _ = ingestion.read(ingestion.scan)
    slide_id = ingestion.scan.slide.slide_id
    kept = [ingestion.objects.put(f"slides/{slide_id}/{name}", b"x") for name in ("crops/c.jpg", "cells.jsonl")]
    prune(ingestion, 29.9)
    assert stored(ingestion) == len(tiles)
    prune(ingestion, 0.2)
    assert stored(ingestion) == 0
    assert ingestion.objects.list(f"slides/{slide_id}") == sorted(kept)


def test_tiles_of_a_slide_that_came_to_no_reading_go_after_a_day(ingestion):
    outputs = ingestion.handlers.scans(ingestion.scan)
    next(outputs)
    outputs.close()
    assert stored(ingestion) >= 1
    prune(ingestion, 0.9)
    assert stored(ingestion) >= 1, "its messages may still be under way"
    prune(ingestion, 0.2)
    assert stored(ingestion) == 0


def test_a_clock_that_is_set_removes_nothing_and_a_restart_makes_nothing_young(ingestion):
    tiles, _ = ingestion.read(ingestion.scan)
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


def test_a_store_that_is_away_makes_the_removal_wait(ingestion, monkeypatch):
    ingestion.read(ingestion.scan)

    def away(_prefix):
        raise TransientError("the object store cannot serve now")

    with monkeypatch.context() as patched:
        patched.setattr(ingestion.objects, "list", away)
        with pytest.raises(TransientError):
            prune(ingestion, 31)
    prune(ingestion)
    assert stored(ingestion) == 0


def test_a_disk_that_takes_no_more_makes_the_reading_wait_and_readiness_says_so(ingestion):
    assert ingestion.pixels.problem() is None
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
    try:
        with pytest.raises(TransientError, match="disk"):
            ingestion.read(ingestion.scan)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "disk" in ingestion.pixels.problem()
    tiles, reading = ingestion.read(ingestion.scan)
    assert list(reading.tile_ids) == [tile.tile_id for tile in tiles]
    assert ingestion.pixels.problem() is None
