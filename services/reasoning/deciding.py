"""Writes reports: from a case and the rules to what goes out, with its evidence in the object store."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from services.kit.clock import to_timestamp
from services.kit.contracts import Decision, Field, Milestone, Order, Priority, Report, Scan, Stage, TileCells
from services.kit.objects import Objects
from services.kit.stages import reached
from services.reasoning.accounts import account
from services.reasoning.case import Case
from services.reasoning.cells import Purpose
from services.reasoning.evidence import read_field, results_of
from services.reasoning.factsheet import Circumstances
from services.reasoning.figures import Note
from services.reasoning.haemogram import Haemogram, HaemogramTable, read_haemogram
from services.reasoning.knowledge import Knowledge
from services.reasoning.lines import cells_by_figure, jsonl
from services.reasoning.reports import identify, outcome, read_report, reason

UNREADABLE, BARE = "unreadable", "bare"


class ReportWriter:
    """Reports of slides that were read, and notices of slides that were not."""

    def __init__(self, knowledge: Knowledge, objects: Objects) -> None:
        self.knowledge = knowledge
        self._objects = objects

    def read(self, case: Case, tiles: Sequence[TileCells]) -> Report:
        """The report of what `tiles` show; it awaits an order while there is none. Raises TransientError."""
        fields = [read_field(tile) for tile in tiles]
        order = case.order
        haemogram = _haemogram(order, self.knowledge.haemogram) if order else Haemogram({}, ())
        told = account(fields, _circumstances(case, tiles), haemogram, self.knowledge)
        report = read_report(case.readings, tiles, told, case.wanted)
        report.decision = outcome(told) if order else Decision.DECISION_AWAITING_ORDER
        report.final = told.judgement.final and order is not None
        report.reasons.extend(map(reason, told.judgement.reasons if order else [_awaited()]))
        folder, evidence = f"slides/{case.slide.slide_id}", cells_by_figure(told.figures)
        report.cells_uri = self._objects.put(f"{folder}/cells.jsonl", jsonl(tiles))
        self._complete(report, case, evidence)
        report.evidence_uri = self._objects.put(f"{folder}/reports/{report.report_id}/measures.json", evidence)
        cells_read = _cells_read(tiles)
        if cells_read is not None:
            report.slide.milestones.append(Milestone(stage=Stage.STAGE_CELLS_READ, at=to_timestamp(cells_read)))
        return report

    def notice(self, case: Case, decision: Decision.ValueType, why: Note, scan: Scan | None) -> Report:
        """A report without figures: why there are none."""
        report = Report(decision=decision, reasons=[reason(why)])
        if scan is not None and scan.HasField("properties"):
            report.scan.CopyFrom(scan.properties)
        self._complete(report, case, b"")
        return report

    def _complete(self, report: Report, case: Case, evidence: bytes) -> None:
        report.slide.CopyFrom(case.slide)
        report.order_id = case.order.order_id if case.order else ""
        report.rules_version = self.knowledge.rules.version
        identify(report, evidence, case.reinstated)


def _haemogram(order: Order, table: HaemogramTable) -> Haemogram:
    return read_haemogram(results_of(order), table, order.haemogram_unread)


def _circumstances(case: Case, tiles: Sequence[TileCells]) -> Circumstances:
    fields = [field for reading in case.readings for field in reading.fields]
    rejected = [field for field in fields if field.HasField("rejected")]
    undecoded = sum(field.rejected.code == UNREADABLE for field in rejected)
    film = case.readings[0].film
    return Circumstances(
        order_known=case.order is not None,
        stat=case.slide.priority == Priority.PRIORITY_STAT,
        leukocytes_wanted=case.wanted[Purpose.LEUKOCYTES],
        erythrocytes_wanted=case.wanted[Purpose.ERYTHROCYTES],
        fields=len(case.progress.tile_ids) + undecoded,
        unreadable_fields=sum(tile.HasField("unreadable") for tile in tiles) + undecoded,
        rejected_fields=len(rejected) - undecoded,
        rejections=_rejections(case.readings[-1].fields),
        missing_tiles=film.missing_tiles,
        in_focus=film.in_focus,
        hematoxylin_od=film.hematoxylin_od,
        eosin_od=film.eosin_od,
        pale=film.pale,
        cut_short=not case.progress.whole,
        film_exhausted=Purpose.LEUKOCYTES in case.progress.exhausted,
    )


def _rejections(fields: Iterable[Field]) -> tuple[str, ...]:
    """Each reason once, as the last round, which has read most, tells it; the film's margins are no loss."""
    rejected = [field.rejected for field in fields if field.HasField("rejected")]
    return tuple(dict.fromkeys(why.text for why in rejected if why.code not in (UNREADABLE, BARE)))


def _cells_read(tiles: Sequence[TileCells]) -> datetime | None:
    """When the last tile was read, by what analysis noted."""
    moments = (reached(tile.slide, Stage.STAGE_CELLS_READ) for tile in tiles)
    return max((moment for moment in moments if moment is not None), default=None)


def _awaited() -> Note:
    return Note("awaiting_order", "The slide is read; its specimen has no order yet. It goes on when the order comes.")
