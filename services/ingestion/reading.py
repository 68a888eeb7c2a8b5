"""Reads an admitted slide in rounds: film map, choice of fields, tiles into the object store."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.ingestion.fields import ChosenField, FieldChoice, Question, choose, sure_nuclei
from services.ingestion.film import FilmMap, UnreadableFilm, map_film, summarise
from services.ingestion.pixels import PixelStore
from services.ingestion.readings import (
    field_message,
    film_message,
    question_code,
    rejected_field,
    tile_message,
    unread_field,
)
from services.ingestion.settings import IngestionSettings
from services.ingestion.slides.errors import SlideChanged, SlideError, SlideUnreachable
from services.ingestion.slides.files import FileSet, file_set
from services.ingestion.slides.opening import open_slide
from services.ingestion.slides.slide import Slide as OpenedSlide
from services.ingestion.tiles import TileImage, cut_all
from services.kit.clock import Clock
from services.kit.contracts import Field, Reading, ScanProperties, Slide, Stage, Tile
from services.kit.stages import reach
from services.kit.telemetry import Metrics
from services.kit.tracing.current import span


@dataclass(frozen=True)
class Round:
    """What one round is to read: cells wanted by question, and the fields that rounds before it read.

    `given_up` counts the rounds of the slide that were worth nothing: its tiles get other names than theirs.
    """

    slide: Slide
    scan: ScanProperties
    number: int
    wanted: Mapping[Question, int]
    already_read: frozenset[str] = frozenset()
    given_up: int = 0

    def tile_id(self, field_id: str) -> str:
        """A tile's name, unique over slides and over the versions of a scan that changed while it was read."""
        again = f".{self.given_up}" if self.given_up else ""
        return f"{self.slide.slide_id}-{field_id}{again}"


class SlideReader:
    """Gives a round's messages as its tiles are cut. Keeps the film map of the last slide for its further rounds."""

    def __init__(self, settings: IngestionSettings, pixels: PixelStore, clock: Clock, metrics: Metrics) -> None:
        self._settings = settings
        self._pixels = pixels
        self._clock = clock
        self._metrics = metrics
        self._last: tuple[str, FilmMap] | None = None

    def read(self, turn: Round, path: Path) -> Iterator[Tile | Reading]:
        """Each field's `Tile` as soon as its pixels are stored, and last the round's `Reading`.

        Raises:
            UnreadableFilm: the film as a whole cannot be read, and why.
            SlideChanged: it is not, or not all the while, the scan that was admitted: nothing that was read counts.
            SlideError: the scan cannot be read any more.
            TransientError: the object store cannot take the tiles now.
        """
        before = file_set(path)
        try:
            with open_slide(path, um_per_px=self._settings.um_per_px) as opened:
                _require(opened.identity == turn.scan.identity, path, "is another scan than the one that was admitted")
                reading = yield from self._read(turn, opened)
        except (SlideError, UnreadableFilm):
            self._require_unchanged(before, turn)
            raise
        self._require_unchanged(before, turn)
        yield reading

    def _read(self, turn: Round, opened: OpenedSlide) -> Generator[Tile, None, Reading]:
        self._pixels.begin(turn.slide.slide_id)
        film = self._film(turn.slide.slide_id, opened)
        choice = choose(film, turn.wanted, turn.already_read)
        reading = Reading(scan=turn.scan, round=turn.number, film=film_message(summarise(film)))
        rejected: list[Field] = [rejected_field(name, why) for why in choice.rejected for name in why.examples]
        cores = [field.core for field in choice.fields]
        with span("cut tiles", round=turn.number, fields=len(cores)):
            for field, tile in zip(choice.fields, cut_all(opened, cores), strict=True):
                if not isinstance(tile, TileImage):
                    rejected.append(unread_field(field, tile.error))
                    continue
                message = self._store(turn, tile_message(field, tile, sure_nuclei(film, field.core)), field, tile.jpeg)
                reading.tile_ids.append(message.tile_id)
                reading.fields.append(field_message(field))
                yield message
        reading.fields.extend(rejected)
        return self._finish(reading, turn, choice)

    def _require_unchanged(self, before: FileSet, turn: Round) -> None:
        """Raises SlideChanged unless files and tables are what they were, SlideUnreachable where none can tell."""
        try:
            changed = before.changed(file_set(before.path))
            _require(not changed, before.path, f"{changed} changed while it was read")
            with open_slide(before.path, um_per_px=self._settings.um_per_px) as again:
                _require(again.identity == turn.scan.identity, before.path, "is another scan than the one admitted")
        except SlideUnreachable:
            raise
        except SlideError as error:
            # A map of what stood there in between must not serve the next reading.
            self._last = None
            raise SlideChanged(error.file, error.problem) from error

    def _film(self, slide_id: str, opened: OpenedSlide) -> FilmMap:
        last = self._last
        if last is not None and last[0] == slide_id:
            return last[1]
        with span("map film"):
            film = map_film(opened)
        self._last = (slide_id, film)
        return film

    def _store(self, turn: Round, message: Tile, field: ChosenField, jpeg: bytes) -> Tile:
        message.slide.CopyFrom(turn.slide)
        message.round, message.tile_id = turn.number, turn.tile_id(field.field_id)
        message.uri = self._pixels.put(turn.slide.slide_id, message.tile_id, jpeg)
        return message

    def _finish(self, reading: Reading, turn: Round, choice: FieldChoice) -> Reading:
        reading.slide.CopyFrom(turn.slide)
        reach(reading.slide, Stage.STAGE_FIELDS_CUT, self._clock.now(), self._metrics)
        reading.exhausted.extend(question_code(question) for question in choice.exhausted)
        return reading


def _require(holds: bool, path: Path, problem: str) -> None:
    if not holds:
        raise SlideChanged(path.name, problem)
