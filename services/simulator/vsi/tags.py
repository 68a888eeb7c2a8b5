"""The tag tree of a .vsi: fields, and volumes of fields, as bytes (little-endian throughout)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

SECOND_TAG = 0x0800_0000
NESTED = 0x1000_0000
INLINE = 0x4000_0000

SEQUENCE = 0
PROPERTY_SET = 1

MICROMETRE = "10^-6m^1"
NANOMETRE = "10^-9m^1"

_VOLUME = struct.Struct("<HHIqII")
_FIELD = struct.Struct("<IiII")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `kind` is the value type, or the volume kind where `children` is given."""

    tag: int
    kind: int
    data: bytes = b""
    inline: int | None = None
    children: tuple["Field", ...] | None = None
    second: int | None = None

    def word_size_and_body(self) -> tuple[int, int, bytes]:
        """The type word, the size word and what follows the field header."""
        word, size, body = self.kind, len(self.data), self.data
        if self.children is not None:
            body = pack_volume(self.children)
            word, size = word | NESTED, len(body)
        elif self.inline is not None:
            word, size = word | INLINE, self.inline & 0xFFFF_FFFF
        if self.second is not None:
            word, body = word | SECOND_TAG, struct.pack("<i", self.second) + body
        return word, size, body


def pack_volume(fields: Sequence[Field]) -> bytes:
    """A volume header and its chain of fields; each link is relative to the volume, 0 ends the chain."""
    out = bytearray(_VOLUME.pack(24, 21321, 2, 24, len(fields), 0))
    for index, field in enumerate(fields):
        word, size, body = field.word_size_and_body()
        end = len(out) + _FIELD.size + len(body)
        padding = 0 if index == len(fields) - 1 else -end % 4
        link = 0 if index == len(fields) - 1 else end + padding
        out += _FIELD.pack(word, field.tag, link, size) + body + bytes(padding)
    return bytes(out)


def integer(tag: int, value: int) -> Field:
    return Field(tag, 5, inline=value)


def boolean(tag: int, value: bool) -> Field:
    return Field(tag, 12, inline=int(value))


def double(tag: int, value: float) -> Field:
    return Field(tag, 10, struct.pack("<d", value))


def double_pair(tag: int, first: float, second: float) -> Field:
    return Field(tag, 260, struct.pack("<2d", first, second))


def integer_pair(tag: int, first: int, second: int) -> Field:
    return Field(tag, 256, struct.pack("<2i", first, second))


def integers(tag: int, values: Sequence[int]) -> Field:
    return Field(tag, 8195, struct.pack(f"<{len(values)}i", *values))


def rectangle(tag: int, left: int, top: int, width: int, height: int) -> Field:
    return Field(tag, 259, struct.pack("<4i", left, top, width, height))


def text(tag: int, value: str) -> Field:
    return Field(tag, 8192, value.encode("utf-16-le") + b"\0\0")


def unit(tag: int, value: str) -> Field:
    """A unit string: UTF-16 without a terminator."""
    return Field(tag, 13, value.encode("utf-16-le"))


def timestamp(tag: int, when: datetime) -> Field:
    return Field(tag, 17, struct.pack("<q", int(when.timestamp())))


def palette(tag: int) -> Field:
    """The grey lookup table every channel carries."""
    return Field(tag, 270, bytes(value for grey in range(256) for value in (grey, grey, grey)))


def volume(tag: int, children: Sequence[Field], kind: int = PROPERTY_SET, second: int | None = None) -> Field:
    return Field(tag, kind, children=tuple(children), second=second)


def quantity(tag: int, value: float, unit_name: str) -> Field:
    """A value with its unit (working distance, wavelength, z step)."""
    return volume(tag, [unit(268435456, unit_name), double(268435458, value)])
