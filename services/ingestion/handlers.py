"""Messages in, messages out: an admitted scan is read, a request reads more of it, an order says how urgent it is."""

from collections.abc import Iterable, Iterator
from math import ceil

import structlog

from services.ingestion.fields import Question
from services.ingestion.film import UnreadableFilm
from services.ingestion.reading import Round, SlideReader
from services.ingestion.readings import question_of
from services.ingestion.scans import refusal_code
from services.ingestion.settings import IngestionSettings
from services.ingestion.slides.errors import SlideError, SlideIncomplete, SlideUnreachable
from services.ingestion.store import KnownScan, ScanStore
from services.kit.clock import from_timestamp
from services.kit.contracts import Field, Order, Priority, Reading, ReadingRequest, Reason, Scan, ScanState
from services.kit.errors import TransientError
from services.kit.transport import Outgoing

log = structlog.get_logger()

# Of the nuclei that the film map expects, some turn out to be none, or lie on a field's edge.
ASK_FOR_MORE = 1.15
# Cells that a further round looks for at least: a round for the last few that lack would soon be followed by another.
LEAST_ROUND = 30
REMOVED = "removed"


class IngestionHandlers:
    """Idempotent: a round delivered again is read again, with the same fields, tiles and ids."""

    def __init__(self, settings: IngestionSettings, store: ScanStore, reader: SlideReader) -> None:
        self._settings = settings
        self._store = store
        self._reader = reader

    def orders(self, order: Order) -> Iterable[Outgoing]:
        """Remember how urgent the specimen is: its scan's deadline depends on it."""
        routine = Priority.PRIORITY_ROUTINE
        self._store.set_urgency(order.specimen, routine if order.cancelled else order.priority)
        return ()

    def scans(self, scan: Scan) -> Iterator[Outgoing]:
        """Read an admitted scan's first round; a copy's slide is read by its original."""
        known = self._store.known().get(scan.name)
        if scan.copy_of or known is None or not _still_admitted(scan, known.scan):
            return
        turn = Round(scan.slide, scan.properties, 1, self._first_wishes())
        try:
            yield from self._read(turn, scan.name)
        except UnreadableFilm as error:
            self._end(known, ScanState.SCAN_STATE_HELD, error.code, str(error))
        except SlideIncomplete as error:
            # Gone or changing since it was admitted; the watcher takes it up again when it is whole.
            self._end(known, ScanState.SCAN_STATE_HELD, REMOVED, str(error))
        except SlideUnreachable as error:
            if not self._removed(scan.name):
                raise TransientError(str(error)) from error
            self._end(known, ScanState.SCAN_STATE_HELD, REMOVED, str(error))
        except SlideError as error:
            self._end(known, ScanState.SCAN_STATE_REFUSED, refusal_code(error), str(error))

    def requests(self, request: ReadingRequest) -> Iterator[Outgoing]:
        """Read a further round for one question; a slide that cannot be read any more gives an empty, last round."""
        rounds = self._store.rounds(request.slide.slide_id)
        name = self._store.name_of(request.slide.slide_id)
        if 1 not in rounds:
            raise TransientError(f"slide {request.slide.slide_id} has no first round yet")
        if name is None:
            yield self._told(_nothing_more(request, rounds[1], "the scan was replaced on the share"))
            return
        earlier = [reading for number, reading in rounds.items() if number < request.round]
        looked_at = (field for reading in earlier for field in reading.fields)
        fields = frozenset(field.field_id for field in looked_at if not field.HasField("rejected"))
        wanted = {question_of(request.question): max(ceil(request.cells * ASK_FOR_MORE), LEAST_ROUND)}
        turn = Round(request.slide, rounds[1].scan, request.round, wanted, fields)
        try:
            yield from self._read(turn, name)
        except (SlideError, UnreadableFilm) as error:
            if isinstance(error, SlideUnreachable) and not self._removed(name):
                raise TransientError(str(error)) from error
            yield self._told(_nothing_more(request, rounds[1], str(error)))

    def _first_wishes(self) -> dict[Question, int]:
        wishes = {
            Question.LEUKOCYTES: ceil(self._settings.leukocytes * ASK_FOR_MORE),
            Question.ERYTHROCYTES: self._settings.erythrocytes,
            Question.PLATELETS: self._settings.platelets,
            Question.PLATELET_CLUMPS: self._settings.clump_fields,
        }
        # Every erythrocyte field is one of platelets too: both are counted against each other there.
        return {question: wanted for question, wanted in wishes.items() if wanted or question is Question.PLATELETS}

    def _read(self, turn: Round, name: str) -> Iterator[Outgoing]:
        for output in self._reader.read(turn, self._settings.share / name):
            yield self._told(output) if isinstance(output, Reading) else output

    def _told(self, reading: Reading) -> Outgoing:
        self._store.save_round(reading)
        return Outgoing("readings", reading.slide.slide_id, reading, from_timestamp(reading.slide.deadline))

    def _removed(self, name: str) -> bool:
        """The share is there and the scan is not: someone took it away. A share that is away says nothing."""
        share = self._settings.share
        return share.is_dir() and any(share.iterdir()) and not (share / name).exists()

    def _end(self, known: KnownScan, state: ScanState.ValueType, code: str, text: str) -> None:
        """The slide's scan and its copies end; the watcher announces it at its next poll, until it was heard.

        A scan taken away is kept without a fingerprint, so that its return counts as a change.
        """
        log.warning("slide not readable", slide=known.scan.slide.slide_id, code=code)
        for same in self._store.scans_of(known.scan.slide.slide_id):
            scan = Scan()
            scan.CopyFrom(same.scan)
            scan.state = state
            scan.reason.CopyFrom(Reason(code=code, text=text))
            fingerprint = "" if code == REMOVED else same.fingerprint
            self._store.save(KnownScan(fingerprint, same.still_since, scan))


def _still_admitted(scan: Scan, known: Scan) -> bool:
    """Admitted when it was told, and still the same slide: a word that comes late may be overtaken by now."""
    admitted = ScanState.SCAN_STATE_ADMITTED
    return scan.state == known.state == admitted and scan.slide.slide_id == known.slide.slide_id


def _nothing_more(request: ReadingRequest, first: Reading, why: str) -> Reading:
    reading = Reading(slide=request.slide, scan=first.scan, round=request.round, film=first.film)
    reading.exhausted.append(request.question)
    reading.fields.append(Field(questions=[request.question], rejected=Reason(code="unreadable", text=why)))
    return reading
