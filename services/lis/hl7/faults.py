"""What is wrong with a message that came in, and where, as its sender must be told (HL7 v2.5.1 ERR, table 0357)."""

from dataclasses import dataclass
from typing import Literal

from services.lis.errors import Hl7Error

# Table 0357, the codes that are used here.
TEXTS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "207": "Application internal error",
}

Refusal = Literal["AE", "AR"]


@dataclass(frozen=True)
class Location:
    """ERR-2: a segment by name and count (from 1), a field and a component in it; 0 names the whole above."""

    segment: str
    sequence: int = 1
    field: int = 0
    component: int = 0


@dataclass(frozen=True)
class Fault:
    """One thing wrong. `text` says what to do and repeats nothing of the message."""

    code: str
    location: Location | None
    text: str


class Refused(Hl7Error):
    """The message gets this answer: AE when its sender must change it, AR when it is not for this receiver."""

    def __init__(self, answer: Refusal, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{fault.code} {TEXTS[fault.code]}: {fault.text}" for fault in faults))
        self.answer = answer
        self.faults = faults


def refuse(answer: Refusal, *faults: Fault) -> Refused:
    """The exception to raise."""
    return Refused(answer, faults)
