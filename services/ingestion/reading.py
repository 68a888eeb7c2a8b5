"""Reads an admitted slide in rounds: film map, choice of fields, tiles into the object store."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.ingestion.fields import ChosenField, FieldChoice, Question, choose
from services.ingestion.film import FilmMap, map_film, summarise
from services.ingestion.readings import (
    field_message,
    film_message,
    question_code,
    rejected_field,
    tile_message,
    unread_field,
)
from services.ingestion.settings import IngestionSettings
from services.ingestion.slides.errors import SlideIncomplete
from services.ingestion.slides.opening import open_slide
from services.ingestion.slides.slide import Slide as OpenedSlide
from services.ingestion.tiles import TileImage, cut_all
from services.kit.clock import Clock, from_timestamp
from services.kit.contracts import Field, Reading, ScanProperties, Slide, Stage, Tile
from services.kit.objects import Objects
from services.kit.stages import reach
from services.kit.telemetry import Metrics
from services.kit.transport import Outgoing


@dataclass(frozen=True)
class Round:
    """What one round is to read: cells wanted by question, and the fields that rounds before it read."""

    slide: Slide
    scan: ScanProperties
    number: int
    wanted: Mapping[Question, int]
    already_read: frozenset[str] = frozenset()


class SlideReader:
    """Gives a round's messages as its tiles are cut. Keeps the film map of the last slide for its further rounds."""

    def __init__(self, settings: IngestionSettings, objects: Objects, clock: Clock, metrics: Metrics) -> None:
        self._settings = settings
        self._objects = objects
        self._clock = clock
        self._metrics = metrics
        self._last: tuple[str, FilmMap] | None = None

    def read(self, turn: Round, path: Path) -> Iterator[Outgoing | Reading]:
        """Each field's `Tile` as soon as its pixels are stored, and last the round's `Reading`.

        Raises:
            UnreadableFilm: the film as a whole cannot be read, and why.
            SlideError: the scan cannot be read any more.
            TransientError: the object store cannot take the tiles now.
        """
        with open_slide(path, um_per_px=self._settings.um_per_px) as opened:
            if turn.scan.identity and opened.identity != turn.scan.identity:
                raise SlideIncomplete(path.name, "is another scan than the one that was admitted")
            film = self._film(turn.slide.slide_id, opened)
            choice = choose(film, turn.wanted, turn.already_read)
            reading = Reading(scan=turn.scan, round=turn.number, film=film_message(summarise(film)))
            rejected: list[Field] = [rejected_field(name, why) for why in choice.rejected for name in why.examples]
            cores = [field.core for field in choice.fields]
            for field, tile in zip(choice.fields, cut_all(opened, cores), strict=True):
                if not isinstance(tile, TileImage):
                    rejected.append(unread_field(field, tile.error))
                    continue
                message = self._store(turn, field, tile)
                reading.tile_ids.append(message.tile_id)
                reading.fields.append(field_message(field))
                yield _outgoing(turn, message)
        reading.fields.extend(rejected)
        yield self._finish(reading, turn, choice)

    def _film(self, slide_id: str, opened: OpenedSlide) -> FilmMap:
        last = self._last
        if last is not None and last[0] == slide_id:
            return last[1]
        film = map_film(opened)
        self._last = (slide_id, film)
        return film

    def _store(self, turn: Round, field: ChosenField, tile: TileImage) -> Tile:
        slide_id = turn.slide.slide_id
        tile_id = f"{slide_id}-{field.field_id}"
        uri = self._objects.put(f"slides/{slide_id}/tiles/{tile_id}.jpg", tile.jpeg)
        message = tile_message(field, tile)
        message.slide.CopyFrom(turn.slide)
        message.round, message.tile_id, message.uri = turn.number, tile_id, uri
        return message

    def _finish(self, reading: Reading, turn: Round, choice: FieldChoice) -> Reading:
        reading.slide.CopyFrom(turn.slide)
        reach(reading.slide, Stage.STAGE_FIELDS_CUT, self._clock.now(), self._metrics)
        reading.exhausted.extend(question_code(question) for question in choice.exhausted)
        return reading


def _outgoing(turn: Round, tile: Tile) -> Outgoing:
    key = f"{turn.slide.slide_id}+{tile.tile_id}"
    return Outgoing("tiles", key, tile, from_timestamp(turn.slide.deadline))
