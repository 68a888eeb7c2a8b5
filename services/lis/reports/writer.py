"""From a report and its order to the bytes that are sent. Nothing leaves that was not read back and found the same."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.kit.contracts import Report
from services.lis.errors import NotExpressible
from services.lis.hl7.conformity import check_conformity
from services.lis.hl7.faults import Refused
from services.lis.hl7.header import Envelope
from services.lis.hl7.message import encode, parse
from services.lis.hl7.segments import Segment, same
from services.lis.orders.model import Standing
from services.lis.reports.codes import Codes
from services.lis.reports.echo import echo_of, stand_in_for
from services.lis.reports.notes import notes
from services.lis.reports.observations import observations
from services.lis.reports.oru import Draft, segments
from services.lis.reports.status import control_id_of, status_of


@dataclass(frozen=True)
class Written:
    """A message ready to be sent: its MSH-10, OBR-25 and content."""

    control_id: str
    status: str
    content: bytes


class ReportWriter(Protocol):
    """What the outbox knows of a format: a LIS that speaks another one (HPRIM Santé) gets another writer."""

    def write(self, report: Report, order: Standing, sent_before: Collection[str], at: datetime) -> Written:
        """The message for `report`. `sent_before`: the statuses of what this order was sent. Raises NotExpressible."""
        ...


class OruWriter:
    """Writes ORU^R01 of HL7 v2.5.1."""

    def __init__(self, envelope: Envelope, codes: Codes) -> None:
        self._envelope = envelope
        self._codes = codes

    def write(self, report: Report, order: Standing, sent_before: Collection[str], at: datetime) -> Written:
        draft = self._draft(report, sent_before, at)
        echo = echo_of(order)
        ours = segments(draft, stand_in_for(echo), self._envelope, self._codes)
        check_conformity(ours)
        content = _read_back(segments(draft, echo, self._envelope, self._codes))
        return Written(draft.control_id, draft.status, content)

    def _draft(self, report: Report, sent_before: Collection[str], at: datetime) -> Draft:
        status = status_of(report, sent_before)
        # A notice says why there are no values; what was counted or found stays with the person who must look.
        found = [] if status == "I" else list(observations(report, self._codes))
        told = notes(report, status, answered_before=any(s != "I" for s in sent_before))
        return Draft(report, status, control_id_of(report.report_id), at, told, found)


def _read_back(said: list[Segment]) -> bytes:
    content = encode(said)
    try:
        heard = parse(content.decode("utf-8")).segments
    except Refused as error:
        raise NotExpressible(f"the report does not read back as a message ({error}): it is not sent") from error
    differing = next((a.name for a, b in zip(said, heard, strict=False) if not same(a, b)), None)
    if differing or len(said) != len(heard):
        raise NotExpressible(f"segment {differing or 'count'} does not read back as written: the report is not sent")
    return content
