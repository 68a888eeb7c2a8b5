"""Messages in, messages out: an admitted scan is read, a request reads more of it, an order says how urgent it is."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import ceil

from services.ingestion.fields import Question
from services.ingestion.film import UnreadableFilm
from services.ingestion.reading import Round, SlideReader
from services.ingestion.readings import question_of
from services.ingestion.scans import ScanWords, refusal_code
from services.ingestion.settings import IngestionSettings
from services.ingestion.slides.errors import SlideChanged, SlideError, SlideIncomplete, SlideUnreachable
from services.ingestion.sources import MOST_GIVEN_UP, Sources
from services.ingestion.store import REMOVED, UNREACHABLE, KnownScan, Stores
from services.kit.clock import Clock, from_timestamp
from services.kit.contracts import Field, Order, Reading, ReadingRequest, Reason, Scan, ScanState, Slide, Tile
from services.kit.errors import TransientError
from services.kit.transport import Outgoing

# Of the nuclei that the film map expects, some turn out to be none, or lie on a field's edge.
ASK_FOR_MORE = 1.15
# Cells that a further round looks for at least: a round for the last few that lack would soon be followed by another.
LEAST_ROUND = 30
_TAKEN_AWAY = Reason(code=REMOVED, text="removed from the share before it was read: copy it there again")


class IngestionHandlers:
    """Idempotent: a message delivered again gets the same fields, tiles and ids as the first time."""

    def __init__(self, settings: IngestionSettings, stores: Stores, reader: SlideReader, clock: Clock) -> None:
        self._settings = settings
        self._stores = stores
        self._reader = reader
        self._clock = clock
        self._words = ScanWords(settings, stores)
        self._sources = Sources(settings, stores, self._words)

    def orders(self, order: Order) -> Iterable[Outgoing]:
        """Remember how urgent the specimen is, and hurry its scans that are admitted. Raises TransientError."""
        self._stores.orders.put(order)
        for known in self._stores.scans.of_specimen(order.specimen):
            self._hurry(known)
        return ()

    def scans(self, scan: Scan) -> Iterator[Outgoing]:
        """Read an admitted scan's first round; a copy's slide is read by its original.

        A further word on a slide that is read says nothing new, unless its deadline has become earlier: then the tiles
        of the round under way are sent again, to overtake what waits before them.
        """
        if self._stores.rounds.answered(scan):
            yield from self._again(scan.slide.slide_id, 1)
            return
        known = self._stores.scans.get(scan.name)
        if scan.copy_of or known is None or not _last_word(scan, known.scan) or self._hurry(known):
            return
        rounds = self._stores.rounds.of(scan.slide.slide_id)
        if rounds:
            yield from self._overtake(scan.slide, rounds[max(rounds)])
        else:
            yield from self._first_round(scan)

    def requests(self, request: ReadingRequest) -> Iterator[Outgoing]:
        """Read a further round for one question; a slide that cannot be read any more gives an empty, last round."""
        slide_id = request.slide.slide_id
        rounds = self._stores.rounds.of(slide_id)
        if 1 not in rounds:
            raise TransientError(f"slide {slide_id} has no first round yet")
        if request.round in rounds:
            yield from self._again(slide_id, request.round)
            return
        source = self._sources.first(slide_id)
        if source is None:
            why = f"{rounds[1].scan.name} was taken from the share, or replaced"
            yield self._told(_nothing_more(request, rounds[1], why))
            return
        try:
            yield from self._read(self._further(request, rounds), source)
        except (SlideError, UnreadableFilm) as error:
            self._require_final(source, error)
            yield self._told(_nothing_more(request, rounds[1], str(error)))

    def _first_round(self, scan: Scan) -> Iterator[Outgoing]:
        slide_id = scan.slide.slide_id
        source = self._sources.first(slide_id)
        if source is None:
            self._sources.end(slide_id, ScanState.SCAN_STATE_HELD, _TAKEN_AWAY)
            return
        wishes = self._first_wishes(scan.slide.specimen)
        turn = Round(scan.slide, scan.properties, 1, wishes, given_up=self._stores.rounds.given_up(slide_id))
        try:
            yield from self._read(turn, source, scan)
        except UnreadableFilm as error:
            self._sources.end(slide_id, ScanState.SCAN_STATE_HELD, Reason(code=error.code, text=str(error)))
        except (SlideUnreachable, SlideIncomplete) as error:
            self._put_off(scan, source, error)
        except SlideError as error:
            why = Reason(code=refusal_code(error), text=str(error))
            self._sources.end(slide_id, ScanState.SCAN_STATE_REFUSED, why)

    def _put_off(self, scan: Scan, source: KnownScan, error: SlideError) -> None:
        """The slide is read once its files can be read, or are still. Raises TransientError."""
        self._sources.require_share()
        if isinstance(error, SlideChanged) and self._sources.there(source.scan.name):
            self._sources.give_up(source, error)
            if source.scan.name == scan.name:
                return
        if isinstance(error, SlideUnreachable):
            self._sources.explain(scan.name, Reason(code=UNREACHABLE, text=str(error)))
        raise TransientError(str(error)) from error

    def _require_final(self, source: KnownScan, error: SlideError | UnreadableFilm) -> None:
        """Raises TransientError while a further round may still succeed."""
        if not isinstance(error, SlideUnreachable | SlideIncomplete):
            return
        self._sources.require_share()
        scan = source.scan
        if (
            not isinstance(error, SlideChanged)
            or self._stores.rounds.give_up(scan.slide.slide_id, scan.name) < MOST_GIVEN_UP
        ):
            raise TransientError(str(error)) from error

    def _further(self, request: ReadingRequest, rounds: dict[int, Reading]) -> Round:
        looked_at = (field for reading in rounds.values() for field in reading.fields)
        fields = frozenset(field.field_id for field in looked_at if not field.HasField("rejected"))
        wanted = {question_of(request.question): max(ceil(request.cells * ASK_FOR_MORE), LEAST_ROUND)}
        given_up = self._stores.rounds.given_up(request.slide.slide_id)
        return Round(request.slide, rounds[1].scan, request.round, wanted, fields, given_up)

    def _first_wishes(self, specimen: str) -> dict[Question, int]:
        leukocytes = self._stores.orders.leukocytes(specimen) or self._settings.leukocytes
        wishes = {
            Question.LEUKOCYTES: ceil(leukocytes * ASK_FOR_MORE),
            Question.ERYTHROCYTES: self._settings.erythrocytes,
            Question.PLATELETS: self._settings.platelets,
            Question.PLATELET_CLUMPS: self._settings.clump_fields,
        }
        # Every erythrocyte field is one of platelets too: both are counted against each other there.
        return {question: wanted for question, wanted in wishes.items() if wanted or question is Question.PLATELETS}

    def _read(self, turn: Round, source: KnownScan, word: Scan | None = None) -> Iterator[Outgoing]:
        tiles: list[Tile] = []
        for value in self._reader.read(turn, self._sources.path(source)):
            if isinstance(value, Tile):
                tiles.append(value)
                yield _tile(value)
            else:
                yield self._told(value, tiles, source.scan.name, word)
        self._sources.explain(turn.scan.name, None)

    def _told(self, reading: Reading, tiles: Iterable[Tile] = (), name: str = "", word: Scan | None = None) -> Outgoing:
        return _reading(self._stores.rounds.save(reading, tiles, name, word))

    def _again(self, slide_id: str, number: int) -> Iterator[Outgoing]:
        """A round as it was told the first time."""
        yield from map(_tile, self._stores.rounds.tiles(slide_id, number))
        yield _reading(self._stores.rounds.of(slide_id)[number])

    def _overtake(self, slide: Slide, reading: Reading) -> Iterator[Outgoing]:
        """The round under the slide's earlier deadline; the tiles that were cut last are likely to wait still."""
        if from_timestamp(slide.deadline) >= from_timestamp(reading.slide.deadline):
            return
        tiles = reversed(self._stores.rounds.tiles(slide.slide_id, reading.round))
        again: list[Tile | Reading] = [*tiles, reading]
        for message in again:
            message.slide.priority = slide.priority
            message.slide.deadline.CopyFrom(slide.deadline)
            yield _tile(message) if isinstance(message, Tile) else _reading(message)

    def _hurry(self, known: KnownScan) -> bool:
        """Give an admitted scan the earlier deadline of an urgent order; the watcher announces the new word."""
        hurried = None
        if known.scan.state == ScanState.SCAN_STATE_ADMITTED:
            hurried = self._words.hurried(known.scan, self._clock.now())
        if hurried is None:
            return False
        if not self._stores.scans.save(replace(known, scan=hurried), over=known):
            raise TransientError(f"{known.scan.name} changed at this moment")
        return True


def _last_word(scan: Scan, known: Scan) -> bool:
    """Admitted, and nothing was said of the scan since: a word that comes late may be overtaken by now."""
    return scan.state == ScanState.SCAN_STATE_ADMITTED and scan.revision == known.revision


def _tile(tile: Tile) -> Outgoing:
    return Outgoing("tiles", f"{tile.slide.slide_id}+{tile.tile_id}", tile, from_timestamp(tile.slide.deadline))


def _reading(reading: Reading) -> Outgoing:
    return Outgoing("readings", reading.slide.slide_id, reading, from_timestamp(reading.slide.deadline))


def _nothing_more(request: ReadingRequest, first: Reading, why: str) -> Reading:
    reading = Reading(slide=request.slide, scan=first.scan, round=request.round, film=first.film)
    reading.exhausted.append(request.question)
    reading.fields.append(Field(questions=[request.question], rejected=Reason(code="no_longer_there", text=why)))
    return reading
