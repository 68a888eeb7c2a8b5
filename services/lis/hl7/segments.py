"""Segments as values: a field is a tuple of repetitions, of components, of subcomponents; texts are unescaped."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.lis.hl7.escaping import STANDARD, Delimiters, escape, unescape

T = TypeVar("T")

Component = tuple[str, ...]
Repetition = tuple[Component, ...]
Field = tuple[Repetition, ...]

# What writers give: a text, components (a tuple, of texts or tuples of subcomponents), or repetitions (a list).
Parts = str | tuple[str | tuple[str, ...], ...]
Given = Parts | list[Parts]


@dataclass(frozen=True)
class Segment:
    """A segment by its name; `fields[0]` is field 1. In MSH, fields 1 and 2 are the delimiters."""

    name: str
    fields: tuple[Field, ...]

    def field(self, number: int) -> Field:
        """Field `number`, counted from 1; one empty text when the segment ends before it."""
        return self.fields[number - 1] if number <= len(self.fields) else EMPTY

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """One text of the field's first repetition, without blanks around it; empty when absent or HL7's null `""`."""
        return text_of(self.field(field)[0], component, subcomponent)


EMPTY: Field = ((("",),),)


def text_of(repetition: Repetition, component: int = 1, subcomponent: int = 1) -> str:
    """One text of a repetition, counted from 1, stripped; empty when absent or HL7's null `""`."""
    parts = repetition[component - 1] if component <= len(repetition) else ("",)
    text = parts[subcomponent - 1].strip() if subcomponent <= len(parts) else ""
    return "" if text == '""' else text


def segment(name: str, *fields: Given) -> Segment:
    """A segment from what writers give, empty fields at its end left out."""
    return Segment(name, _without_tail([field_of(given) for given in fields]))


def sparse_segment(name: str, fields: Mapping[int, str | Field]) -> Segment:
    """A segment from some of its fields by number, the others empty."""
    given = [fields.get(number, "") for number in range(1, max(fields) + 1)]
    return Segment(name, _without_tail([field_of(f) if isinstance(f, str) else f for f in given]))


def field_of(given: Given) -> Field:
    """A field from what writers give."""
    repetitions = given if isinstance(given, list) else [given]
    return tuple(_repetition(parts) for parts in repetitions) or EMPTY


def encode_segment(value: Segment) -> str:
    """The segment as ER7 text under the standard delimiters, every text escaped, without its CR."""
    fields = [_encode_field(field) for field in value.fields]
    if value.name == "MSH":
        return "|".join(["MSH", r"^~\&", *fields[2:]])
    return "|".join([value.name, *fields])


def decode_segment(line: str, delimiters: Delimiters = STANDARD, codec: str = "utf-8") -> Segment:
    """The segment in one line of ER7 text; `codec` is that of `unescape`."""
    name, *fields = line.split(delimiters.field)
    if name == "MSH":
        own = (_plain(delimiters.field), _plain(fields[0]))
        return Segment(name, own + tuple(_decode_field(text, delimiters, codec) for text in fields[1:]))
    return Segment(name, tuple(_decode_field(text, delimiters, codec) for text in fields))


def same(one: Segment, other: Segment) -> bool:
    """Whether two segments say the same; empty parts at an end say nothing."""
    return one.name == other.name and _trimmed(one) == _trimmed(other)


def _plain(text: str) -> Field:
    return (((text,),),)


def _repetition(parts: Parts) -> Repetition:
    components = (parts,) if isinstance(parts, str) else parts
    return tuple((part,) if isinstance(part, str) else part for part in components)


def _encode_field(field: Field) -> str:
    return "~".join(_joined("^", (_joined("&", map(escape, component)) for component in r)) for r in field)


def _joined(delimiter: str, parts: Iterable[str]) -> str:
    """Parts joined; a delimiter with nothing behind it is not written (HL7 v2.5.1 §2.5.3)."""
    return delimiter.join(parts).rstrip(delimiter)


def _decode_field(text: str, delimiters: Delimiters, codec: str) -> Field:
    return tuple(
        tuple(
            tuple(unescape(part, delimiters, codec) for part in component.split(delimiters.subcomponent))
            for component in repetition.split(delimiters.component)
        )
        for repetition in text.split(delimiters.repetition)
    )


def _trimmed(value: Segment) -> tuple[Field, ...]:
    fields = (
        tuple(_without_empty_end(tuple(_without_empty_end(part, "") for part in r), ("",)) for r in field)
        for field in value.fields
    )
    return _without_tail(tuple(fields))


def _without_empty_end(parts: tuple[T, ...], empty: T) -> tuple[T, ...]:
    length = len(parts)
    while length > 1 and parts[length - 1] == empty:
        length -= 1
    return parts[:length]


def _without_tail(fields: Sequence[Field]) -> tuple[Field, ...]:
    kept = list(fields)
    while kept and kept[-1] == EMPTY:
        kept.pop()
    return tuple(kept)
