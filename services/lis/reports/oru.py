"""The segments of an ORU^R01 (HL7 v2.5.1 §7.3.1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.kit.clock import from_timestamp
from services.kit.contracts import Priority, Report
from services.lis.hl7.header import Envelope, header
from services.lis.hl7.moments import write_moment
from services.lis.hl7.segments import EMPTY, Field, Parts, Segment, field_of, segment, sparse_segment
from services.lis.reports.codes import Codes
from services.lis.reports.echo import Echo
from services.lis.reports.observations import Observation

KIND = ("ORU", "R01", "ORU_R01")
# ORC-5 (table 0038) by OBR-25: some results, all results, still in process.
_ORDER_STATUS = {"P": "A", "F": "CM", "C": "CM", "I": "IP"}


@dataclass(frozen=True)
class Draft:
    """All that a message says, before it is segments."""

    report: Report
    status: str
    control_id: str
    written_at: datetime
    notes: Sequence[str]
    observations: Sequence[Observation]


def segments(draft: Draft, echo: Echo, envelope: Envelope, codes: Codes) -> list[Segment]:
    """The whole message in order. The patient is the order's."""
    return [
        header(envelope, KIND, draft.control_id, draft.written_at),
        *echo.patient,
        *_order(draft, echo, codes),
        *_notes(draft.notes),
        _timing(draft, echo),
        *_results(draft, codes),
        _specimen(draft, echo),
    ]


def _order(draft: Draft, echo: Echo, codes: Codes) -> Iterator[Segment]:
    filler = _or(echo.filler, (draft.report.order_id, "FROTTIS"))
    yield sparse_segment("ORC", {1: "RE", 2: echo.placer, 3: filler, 5: _ORDER_STATUS[draft.status]})
    own_service = (codes.service.code, codes.service.text, codes.local_system)
    yield sparse_segment(
        "OBR",
        {
            1: "1",
            2: echo.placer,
            3: filler,
            4: _or(echo.service, own_service),
            7: echo.collected,
            16: echo.provider,
            22: write_moment(from_timestamp(draft.report.decided_at)),
            24: "HM",
            25: draft.status,
        },
    )


def _notes(texts: Sequence[str]) -> list[Segment]:
    # NTE-2 L: the ancillary department (here, we) is the source of the comment.
    return [segment("NTE", str(number), "L", text) for number, text in enumerate(texts, 1)]


def _timing(draft: Draft, echo: Echo) -> Segment:
    stat = draft.report.slide.priority == Priority.PRIORITY_STAT
    return sparse_segment("TQ1", {1: "1", 9: _or(echo.priority, "S" if stat else "R")})


def _results(draft: Draft, codes: Codes) -> Iterator[Segment]:
    for number, observation in enumerate(draft.observations, 1):
        yield _observation(number, observation, draft, codes)
        yield from _notes([observation.note] if observation.note else [])


def _observation(number: int, observation: Observation, draft: Draft, codes: Codes) -> Segment:
    """OBX-14 stays empty: when the blood was drawn is the order's to say. OBX-19 is when we read it."""
    return sparse_segment(
        "OBX",
        {
            1: str(number),
            2: observation.kind,
            3: field_of(observation.concept),
            4: observation.sub_id,
            5: observation.value,
            6: field_of(observation.unit),
            11: draft.status if observation.kind else "X",
            17: field_of((codes.method.code, codes.method.text, codes.local_system)),
            19: write_moment(from_timestamp(draft.report.decided_at)),
        },
    )


def _specimen(draft: Draft, echo: Echo) -> Segment:
    number = _or(echo.specimen, (draft.report.slide.specimen,))
    return sparse_segment("SPM", {1: "1", 2: number, 4: _or(echo.specimen_type, ("BLD", "Whole blood", "HL70487"))})


def _or(field: Field, ours: Parts) -> Field:
    """The order's field, or ours where it is empty."""
    return field if field != EMPTY else field_of(ours)
