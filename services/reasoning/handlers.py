"""Messages in, messages out. Each message is one transaction: what it changes and what follows from it.

A message that is delivered again changes nothing; what followed from it is said again, as it was said then.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from services.kit.clock import Clock
from services.kit.contracts import Order, Reading, Report, Scan, ScanState, Stage, TileCells
from services.kit.database import Database
from services.kit.errors import PoisonError
from services.kit.stages import reached
from services.kit.telemetry import Metrics
from services.kit.transport import Outgoing
from services.reasoning.causes import TIME, of_reading, of_tile, of_word
from services.reasoning.deciding import ReportWriter
from services.reasoning.desk import Desk
from services.reasoning.differential import leukocytes_counted
from services.reasoning.errors import TablesInvalid
from services.reasoning.evidence import read_field
from services.reasoning.issuing import Issuer, outgoing
from services.reasoning.morphology import classified_erythrocytes
from services.reasoning.report_store import ReportStore
from services.reasoning.request_store import RequestStore
from services.reasoning.settings import ReasoningSettings
from services.reasoning.store import CaseStore


class ReasoningHandlers:
    """Takes what the other services say of slides and orders; says what is to be read further, and what is reported."""

    def __init__(
        self, database: Database, writer: ReportWriter, clock: Clock, metrics: Metrics, settings: ReasoningSettings
    ) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._metrics = metrics
        self._settings = settings

    def scans(self, scan: Scan) -> list[Outgoing]:
        """Remember what became of a scan. Copies, and scans that are not complete yet, say nothing of a slide."""
        with self._step(of_word(scan)) as step:
            latest = step.cases.name_scan(scan)
            if scan.copy_of or scan.state == ScanState.SCAN_STATE_WAITING or not scan.slide.slide_id:
                return []
            if not latest:
                # Overtaken by a later word; what it gave cause to may not have been sent before that came.
                return step.again()
            step.cases.meet(scan.slide)
            new = step.cases.put_scan(scan)
            return step.follow([scan.slide.slide_id], new=new)

    def orders(self, order: Order) -> list[Outgoing]:
        """Remember an order as it stands now, and take up the specimen's slides, the first scanned first."""
        with self._step(of_word(order)) as step:
            new = step.cases.put_order(order)
            slides = step.cases.slides_of(order.specimen) if order.specimen else []
            return step.follow(sorted(slides, key=lambda slide_id: _completed(step.cases, slide_id)), new=new)

    def readings(self, reading: Reading) -> list[Outgoing]:
        """Remember what a round reads."""
        with self._step(of_reading(reading)) as step:
            step.cases.meet(reading.slide)
            new = step.cases.put_reading(reading)
            return step.follow([reading.slide.slide_id], new=new)

    def cells(self, tile: TileCells) -> list[Outgoing]:
        """Take in a tile's cells; those that come after the decision count for nothing.

        Raises PoisonError for cells that cannot be read, or of a class that classes.yaml lacks.
        """
        field = read_field(tile)
        classes = self._writer.knowledge.classes
        try:
            leukocytes, erythrocytes = leukocytes_counted(field, classes), len(classified_erythrocytes(field, classes))
        except TablesInvalid as error:
            raise PoisonError(str(error)) from error
        slide_id = tile.slide.slide_id
        with self._step(of_tile(tile)) as step:
            step.cases.meet(tile.slide)
            if step.desk.has_ended(slide_id) and not step.cases.has_tile(slide_id, tile.tile_id):
                return []
            new = step.cases.put_tile(tile, leukocytes, erythrocytes)
            return step.follow([slide_id], new=new)

    def guard(self) -> Iterator[Outgoing]:
        """Decide the slides whose deadline is near, and say what could not be said before a crash."""
        now = self._clock.now().timestamp()
        with self._database.transaction() as connection:
            due = CaseStore(connection).due(now)
        for slide_id in due:
            with self._step(TIME) as step:
                step.desk.advance(slide_id)
        with self._database.transaction() as connection:
            reports = ReportStore(connection)
            waiting = list(reports.messages(reports.unannounced()))
        yield from map(outgoing, waiting)

    def announced(self, outputs: Sequence[Outgoing]) -> None:
        """Reports of the guard are durable at the broker."""
        with self._database.transaction() as connection:
            ids = [output.value.report_id for output in outputs if isinstance(output.value, Report)]
            ReportStore(connection).announced(ids)

    def forget(self) -> Iterator[Outgoing]:
        """Throw away the cells of slides that were decided long ago: their objects and the reports hold them."""
        before = self._clock.now() - timedelta(days=self._settings.keep_days)
        with self._database.transaction() as connection:
            CaseStore(connection).forget(before.timestamp())
        yield from ()

    @contextmanager
    def _step(self, cause: str) -> Iterator["_Step"]:
        with self._database.transaction() as connection:
            cases = CaseStore(connection)
            reports, requests = ReportStore(connection), RequestStore(connection)
            issuer = Issuer(reports, requests, self._clock, self._metrics, cause)
            yield _Step(cases, issuer, Desk(cases, issuer, self._writer, self._clock, self._settings))


class _Step:
    """One transaction's view of the store, and what follows from it."""

    def __init__(self, cases: CaseStore, issuer: Issuer, desk: Desk) -> None:
        self.cases = cases
        self.desk = desk
        self._issuer = issuer

    def follow(self, slides: Sequence[str], *, new: bool) -> list[Outgoing]:
        """What is to be said of the slides now; after a message that is not new, all that ever followed from it."""
        said = [output for slide_id in slides for output in self.desk.advance(slide_id)]
        return said if new else self.again()

    def again(self) -> list[Outgoing]:
        """All that ever followed from the message and still counts."""
        return self._issuer.again()


def _completed(cases: CaseStore, slide_id: str) -> tuple[float, str]:
    complete = reached(cases.slide(slide_id), Stage.STAGE_SCAN_COMPLETE)
    return (complete.timestamp() if complete else float("inf"), slide_id)
