"""Answers to messages that came in: MSH, MSA, and an ERR for each fault (HL7 v2.5.1 §2.9, §2.15)."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from services.lis.hl7.faults import TEXTS, Fault, Location
from services.lis.hl7.header import Envelope, Party, header
from services.lis.hl7.message import encode
from services.lis.hl7.segments import Segment, segment

# ERR segments of one answer; whoever mends so many sends the message again and is told the others.
MOST_FAULTS = 100


def answers(msh: Segment, code: str, faults: Sequence[Fault], processing_id: str, at: datetime) -> list[bytes]:
    """Every answer that `msh` asks for: one in original mode, up to two in enhanced mode (commit first).

    `code` is the application's: AA, AE or AR.
    """
    return [_answer(msh, c, faults, processing_id, at) for c in _codes(msh, code)]


def _codes(msh: Segment, code: str) -> list[str]:
    accept, application = msh.text(15), msh.text(16)
    if not accept and not application:
        return [code]
    positive = code == "AA"
    commit = [code.replace("A", "C", 1)] if _wanted(accept, positive) else []
    return commit + ([code] if _wanted(application, positive) else [])


def _wanted(condition: str, positive: bool) -> bool:
    """Table 0155: AL always, NE never, SU on success, ER on an error. Empty beside a filled field is NE."""
    return condition in ("AL", "SU" if positive else "ER")


def _answer(msh: Segment, code: str, faults: Sequence[Fault], processing_id: str, at: datetime) -> bytes:
    envelope = Envelope(
        sender=Party(msh.text(5), msh.text(6)),
        receiver=Party(msh.text(3), msh.text(4)),
        processing_id=msh.text(11) or processing_id,
    )
    control_id = msh.text(10)
    kind = ("ACK", msh.text(9, 2), "ACK") if msh.text(9, 2) else ("ACK",)
    own_id = hashlib.sha256(f"{code}\n{control_id}\n{at.isoformat()}".encode()).hexdigest()[:20].upper()
    first = [header(envelope, kind, own_id, at), segment("MSA", code, control_id)]
    return encode(first + [_err(fault) for fault in faults[:MOST_FAULTS]])


def _err(fault: Fault) -> Segment:
    condition = (fault.code, TEXTS[fault.code], "HL70357")
    return segment("ERR", "", _location(fault.location), condition, "E", "", "", "", fault.text)


def _location(location: Location | None) -> tuple[str, ...] | str:
    if location is None:
        return ""
    place = [location.segment, str(location.sequence)]
    if location.field:
        # ERL: segment, its count, field, field repetition, component.
        place += [str(location.field), "1", *([str(location.component)] if location.component else [])]
    return tuple(place)
