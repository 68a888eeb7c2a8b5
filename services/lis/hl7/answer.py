"""What the LIS answered to a report."""

import re
from dataclasses import dataclass

from services.lis.errors import LineError, MessageMalformed
from services.lis.hl7.message import Message, parse_what_is_legible

ACCEPTED = ("AA", "CA")
_CODES = (*ACCEPTED, "AE", "AR", "CE", "CR")
_HEADER_FAULTS = ("200", "201", "202", "203")
_HEADER_FIELDS = ("9", "11", "12")
_CODE = re.compile(r"[0-9]{3}")
# As many as a person reads.
_MOST_CODES = 5


@dataclass(frozen=True)
class Answer:
    """An MSA. `control_id` names the message answered; `header_fault`: MSH-9, 11 or 12 is what the LIS refuses.

    `fault_codes` are those of table 0357 in its ERR segments, digits only, each once: free text of the LIS is never
    passed on.
    """

    code: str
    control_id: str
    header_fault: bool = False
    fault_codes: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.code in ACCEPTED


def read_answer(content: bytes) -> Answer:
    """Raises LineError (garbage) for what is no acknowledgement."""
    try:
        message = parse_what_is_legible(content.decode("utf-8-sig", errors="replace"))
    except MessageMalformed as error:
        raise LineError("garbage", "the LIS answered with something that is no HL7 message") from error
    msa = next(message.named("MSA"), None)
    # A number of ours is printable, and no database holds every other text.
    if msa is None or msa.text(1) not in _CODES or not msa.text(2) or not msa.text(2).isprintable():
        raise LineError("garbage", "the LIS answered with a message that acknowledges nothing")
    codes = _fault_codes(message)
    return Answer(msa.text(1), msa.text(2), bool(set(codes) & set(_HEADER_FAULTS)) or _points_at_header(message), codes)


def _fault_codes(message: Message) -> tuple[str, ...]:
    found = [err.text(3) for err in message.named("ERR")]
    return tuple(dict.fromkeys(code for code in found if _CODE.fullmatch(code)))[:_MOST_CODES]


def _points_at_header(message: Message) -> bool:
    return any(err.text(2) == "MSH" and err.text(2, 3) in _HEADER_FIELDS for err in message.named("ERR"))
