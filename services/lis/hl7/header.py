"""MSH: who speaks to whom, and whether we understand the kind of message."""

from dataclasses import dataclass
from datetime import datetime

from services.lis.hl7.faults import Fault, Location, refuse
from services.lis.hl7.message import CHARSET
from services.lis.hl7.moments import write_moment
from services.lis.hl7.segments import Given, Segment, segment

VERSION = "2.5.1"
# OML^O21 came with 2.4; later versions only add to what is read here.
_VERSIONS_READ = ("2.4", "2.5", "2.5.1", "2.6")


@dataclass(frozen=True)
class Party:
    """An application and its facility (MSH-3 and 4, or MSH-5 and 6)."""

    application: str
    facility: str


@dataclass(frozen=True)
class Envelope:
    """What every message of ours has in common. `processing_id` is MSH-11: P production, T training, D debugging."""

    sender: Party
    receiver: Party
    processing_id: str


def header(envelope: Envelope, kind: tuple[str, ...], control_id: str, at: datetime) -> Segment:
    """An MSH of ours, in original mode (MSH-15 and MSH-16 empty)."""
    fields: tuple[Given, ...] = (
        "|",
        "^~\\&",
        envelope.sender.application,
        envelope.sender.facility,
        envelope.receiver.application,
        envelope.receiver.facility,
        write_moment(at),
        "",
        kind,
        control_id,
        envelope.processing_id,
        VERSION,
        *[""] * 5,
        CHARSET,
    )
    return segment("MSH", *fields)


def check_order_header(msh: Segment, processing_id: str) -> None:
    """Raises Refused (AR) unless MSH-9, MSH-11 and MSH-12 say OML^O21, our processing id and a version we read."""
    faults = [
        Fault(code, Location("MSH", 1, field, component), text)
        for wrong, code, field, component, text in (
            (msh.text(9) != "OML", "200", 9, 1, "this port takes OML^O21"),
            (msh.text(9) == "OML" and msh.text(9, 2) != "O21", "201", 9, 2, "this port takes OML^O21"),
            (msh.text(11) != processing_id, "202", 11, 1, f"this installation works with {processing_id}"),
            (msh.text(12) not in _VERSIONS_READ, "203", 12, 1, f"versions read: {', '.join(_VERSIONS_READ)}"),
        )
        if wrong
    ]
    if faults:
        raise refuse("AR", *faults)
