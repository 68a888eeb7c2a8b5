r"""The ORU^R01 of HL7 v2.5.1 as hl7apy knows it: the message is built in its strict structure and validated there.

hl7apy's own escaping is switched off (it leaves CR as it is and escapes `\X0D\` again): texts come escaped by us,
and hl7apy's serialisation must then equal ours to the byte.
"""

from collections.abc import Sequence
from typing import Any

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Message
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_segment

from services.lis.errors import NotExpressible
from services.lis.hl7.escaping import STANDARD, escape
from services.lis.hl7.header import VERSION
from services.lis.hl7.segments import Segment, encode_segment, field_of

# No text of ours holds NUL, so hl7apy finds nothing that it would escape with it.
_ENCODING = {
    "FIELD": STANDARD.field,
    "COMPONENT": STANDARD.component,
    "REPETITION": STANDARD.repetition,
    "SUBCOMPONENT": STANDARD.subcomponent,
    "ESCAPE": "\x00",
    "GROUP": "\r",
    "SEGMENT": "\r",
}

_LONGEST_ST = 199

# Segments that open a group: within the group that which segment opened, and its name.
_OPENS = {
    "PID": ("MSH", "ORU_R01_PATIENT"),
    "PV1": ("PID", "ORU_R01_VISIT"),
    "ORC": ("MSH", "ORU_R01_ORDER_OBSERVATION"),
    "TQ1": ("ORC", "ORU_R01_TIMING_QTY"),
    "OBX": ("ORC", "ORU_R01_OBSERVATION"),
    "SPM": ("ORC", "ORU_R01_SPECIMEN"),
}


def check_conformity(segments: Sequence[Segment]) -> None:
    """Raises NotExpressible unless the segments form a valid ORU_R01 that hl7apy writes exactly as we do."""
    segments = [_checkable(segment) for segment in segments]
    try:
        message = _Builder().build(segments)
        message.validate()
        lines = message.to_er7(_ENCODING).rstrip("\r").split("\r")
    # hl7apy raises ValueError for what is no date or number.
    except (HL7apyException, ValueError) as error:
        raise NotExpressible(f"the report is no valid ORU_R01 ({type(error).__name__}): it is not sent") from error
    ours = [encode_segment(segment) for segment in segments]
    differing = next((a.name for a, b, c in zip(segments, ours, lines, strict=False) if b != c), None)
    if differing or len(lines) != len(ours):
        raise NotExpressible(f"two writers disagree on segment {differing or 'count'}: the report is not sent")


def _checkable(segment: Segment) -> Segment:
    """hl7apy holds OBX-5 of every type to the length of an ST: a longer TX is checked by reading it back alone."""
    if segment.name != "OBX" or segment.text(2) != "TX" or len(escape(segment.text(5))) <= _LONGEST_ST:
        return segment
    return Segment(segment.name, (*segment.fields[:4], field_of("TX"), *segment.fields[5:]))


class _Builder:
    """Puts each segment into the group that the standard's structure has for it."""

    def __init__(self) -> None:
        self._message = Message("ORU_R01", version=VERSION, validation_level=VALIDATION_LEVEL.STRICT)
        # The groups that are open, by the segment that opened them.
        self._open: dict[str, Any] = {"MSH": self._message.add_group("ORU_R01_PATIENT_RESULT")}

    def build(self, segments: Sequence[Segment]) -> Message:
        for segment in segments:
            line = encode_segment(segment)
            parsed = parse_segment(line, version=VERSION, validation_level=VALIDATION_LEVEL.STRICT)
            if segment.name == "MSH":
                self._message.msh = parsed
            else:
                self._group_of(segment.name).add(parsed)
        return self._message

    def _group_of(self, name: str) -> Any:
        if name in _OPENS:
            within, group = _OPENS[name]
            self._open[name] = self._open[within].add_group(group)
            return self._open[name]
        return self._open["OBX"] if name == "NTE" and "OBX" in self._open else self._open["ORC"]
