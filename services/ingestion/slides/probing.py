"""Whether the pixels of a slide can be decoded: a look at some places of every level, in bounded time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.slide import Level, Slide
from services.kit.clock import Clock

# Of each level. Where one place in a hundred cannot be decoded, one of so many is met 19 times in 20.
MOST_PLACES = 300
LIMIT_S = 10.0
# Pixels between places where a level has fewer than that: no tile is smaller.
_STEP = 64
# Fractions of the plastic number: places as they come are spread evenly, however many are taken.
_ACROSS, _DOWN = 0.7548776662466927, 0.5698402909980532

Place = tuple[int, int, int]


@dataclass(frozen=True)
class Probe:
    """How many places were looked at, how many of them cannot be decoded, and what is wrong with the first of these."""

    places: int
    damaged: int
    first: str


def probe(slide: Slide, clock: Clock, limit_s: float = LIMIT_S) -> Probe:
    """Decode what is stored at up to MOST_PLACES places of every level, evenly spread, until `limit_s` has passed.

    Raises SlideError where the slide cannot be read at all any more.
    """
    until, places, problems = clock.monotonic() + limit_s, 0, []
    for x, y, level in _places(slide.levels):
        try:
            slide.read_region(x, y, 1, 1, level)
        except SlideDamaged as error:
            problems.append(str(error))
        places += 1
        if clock.monotonic() >= until:
            break
    return Probe(places, len(problems), problems[0] if problems else "")


def _places(levels: tuple[Level, ...]) -> Iterator[Place]:
    """Places of all levels by turns, so that none is passed over when time is up."""
    by_turns = zip_longest(*(_places_of(number, level) for number, level in enumerate(levels)))
    return (place for turn in by_turns for place in turn if place is not None)


def _places_of(number: int, level: Level) -> Iterator[Place]:
    width, height, _ = level
    columns, rows = -(-width // _STEP), -(-height // _STEP)
    if columns * rows <= MOST_PLACES:
        for row in range(rows):
            for column in range(columns):
                yield column * _STEP, row * _STEP, number
        return
    for place in range(1, MOST_PLACES + 1):
        yield int(place * _ACROSS % 1 * width), int(place * _DOWN % 1 * height), number
