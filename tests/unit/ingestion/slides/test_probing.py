"""What a bounded look at a slide's pixels finds."""

from datetime import UTC, datetime

import pytest

from services.ingestion import open_slide
from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.probing import MOST_PLACES, probe
from services.ingestion.slides.slide import Level
from services.kit.clock import ManualClock
from tests.unit.ingestion.slides.slide_making import damage_tiles, make_slide, picture


class Asked:
    """A slide that notes where it is read; each read takes `read_s`, and those of a level `damaged` fail."""

    levels = (Level(60_000, 90_000, 1.0), Level(30_000, 45_000, 2.0), Level(100, 70, 600.0))

    def __init__(self, clock, read_s=0.0, damaged=None):
        self.clock, self.read_s, self.damaged, self.places = clock, read_s, damaged, []

    def read_region(self, x, y, width, height, level):
        self.places.append((x, y, level))
        self.clock.advance(self.read_s)
        if level == self.damaged:
            raise SlideDamaged("x", f"place {len(self.places)} is damaged")


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 3, 2, tzinfo=UTC))


def test_every_level_is_looked_at_in_places_spread_over_it(clock):
    slide = Asked(clock)
    assert probe(slide, clock).places == 2 * MOST_PLACES + 2 * 2 == len(set(slide.places))
    for number, (width, height, _) in enumerate(slide.levels[:2]):
        eighths = {(x * 8 // width, y * 8 // height) for x, y, level in slide.places if level == number}
        assert len(eighths) == 64


def test_the_look_ends_in_time_and_has_then_seen_all_levels_alike(clock):
    slide = Asked(clock, read_s=1.0, damaged=1)
    found = probe(slide, clock, limit_s=10)
    assert found.places == 10
    assert {level for _, _, level in slide.places} == {0, 1, 2}
    assert found.damaged == sum(level == 1 for _, _, level in slide.places)
    assert found.first.startswith("x: place 2 is damaged")


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_level_of_which_no_tile_decodes_is_found(tmp_path, clock, level):
    path = make_slide(tmp_path, picture(700, 500))
    with open_slide(path) as slide:
        assert probe(slide, clock).damaged == 0
    damage_tiles(path, level)
    with open_slide(path) as slide:
        found = probe(slide, clock)
    assert found.damaged == -(-(700 >> level) // 64) * -(-(500 >> level) // 64)
    assert f"of level {level} at offset" in found.first
