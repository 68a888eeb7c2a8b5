"""A message as its segments: read leniently (HL7 v2 of any version, odd line ends), written strictly."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.lis.errors import MessageMalformed
from services.lis.hl7.escaping import Delimiters
from services.lis.hl7.faults import Fault, refuse
from services.lis.hl7.segments import Segment, decode_segment, encode_segment

CHARSET = "UNICODE UTF-8"
# An order message has some tens.
MOST_SEGMENTS = 2000
# Fields, repetitions, components and subcomponents of a message; an order has some hundred.
MOST_PARTS = 50_000
# Characters of MSH; its longest types (HD, 227) leave it far below.
_LONGEST_HEADER = 4096
# What a sender that leaves out the end of MSH-2 means.
_STANDARD_MSH_2 = "^~\\&"


@dataclass(frozen=True)
class Message:
    """Segments in their order; the first is MSH."""

    segments: tuple[Segment, ...]

    @property
    def header(self) -> Segment:
        return self.segments[0]

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.header.text(10)

    def named(self, name: str) -> Iterator[Segment]:
        """Every segment of that name."""
        return (segment for segment in self.segments if segment.name == name)


def encode(segments: Sequence[Segment]) -> bytes:
    """The message as it is sent: UTF-8, a CR behind every segment."""
    return "".join(f"{encode_segment(segment)}\r" for segment in segments).encode("utf-8")


def parse_header(text: str, codec: str = "utf-8") -> Segment:
    """The MSH alone, whatever follows it; `codec` is that of `unescape`.

    Raises MessageMalformed when there is none: no answer can be addressed.
    """
    line = _lines(text)[0]
    if len(line) > _LONGEST_HEADER:
        raise MessageMalformed(f"the first line is longer than {_LONGEST_HEADER} characters: it is no MSH")
    return decode_segment(line, _delimiters(line), codec)


def parse(text: str, codec: str = "utf-8") -> Message:
    """The message in `text`; `codec` is that of `unescape`.

    Raises MessageMalformed without a usable MSH, Refused (AE) when a line is no segment.
    """
    lines = _lines(text)
    if len(lines) > MOST_SEGMENTS:
        raise refuse("AE", Fault("207", None, f"more than {MOST_SEGMENTS} segments: send fewer orders in one message"))
    delimiters = _delimiters(lines[0])
    if _parts(text, delimiters) > MOST_PARTS:
        raise refuse("AE", Fault("207", None, f"more than {MOST_PARTS} fields and parts of fields in one message"))
    for number, line in enumerate(lines[1:], 2):
        if not _is_segment(line, delimiters):
            raise refuse("AE", Fault("100", None, f"line {number} is no segment: was a line end left unescaped?"))
    return Message(tuple(decode_segment(line, delimiters, codec) for line in lines))


def parse_what_is_legible(text: str) -> Message:
    """The message without its lines that are no segments. Raises MessageMalformed without a usable MSH."""
    lines = _lines(text)
    delimiters = _delimiters(lines[0])
    if len(lines) > MOST_SEGMENTS or _parts(text, delimiters) > MOST_PARTS:
        raise MessageMalformed("the message has more segments or parts than any answer")
    legible = [lines[0], *(line for line in lines[1:] if _is_segment(line, delimiters))]
    return Message(tuple(decode_segment(line, delimiters) for line in legible))


def _parts(text: str, delimiters: Delimiters) -> int:
    """How many values the text takes apart into, told before any is made."""
    marks = (delimiters.field, delimiters.repetition, delimiters.component, delimiters.subcomponent)
    return sum(map(text.count, marks))


def _is_segment(line: str, delimiters: Delimiters) -> bool:
    """Whether a line behind the first is one; a second MSH is none (HL7 v2.5.1 §2.5)."""
    return re.match(rf"(?!MSH)[A-Z][A-Z0-9]{{2}}(?:{re.escape(delimiters.field)}|$)", line) is not None


def _lines(text: str) -> list[str]:
    """Segments end with CR; a sender that writes CR LF, LF alone throughout, or blank lines, is understood too."""
    end = "\r" if "\r" in text else "\n"
    lines = [line.removeprefix("\n") if end == "\r" else line for line in text.split(end)]
    return [line for line in lines if line.strip()] or [""]


def _delimiters(line: str) -> Delimiters:
    if not line.startswith("MSH") or len(line) < 8:
        raise MessageMalformed("the message does not start with MSH and its delimiters")
    field = line[3]
    given = line[4:].split(field, 1)[0]
    chosen = (field, *(given + _STANDARD_MSH_2[len(given) :])[:4])
    if len(set(chosen)) < 5 or any(mark.isalnum() or mark.isspace() for mark in chosen):
        raise MessageMalformed("MSH-1 and MSH-2 do not hold five different delimiters")
    return Delimiters(*chosen)
