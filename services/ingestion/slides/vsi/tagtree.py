"""The tag tree of a .vsi: volumes of linked fields, from byte 8 on.

A volume's header is 24 bytes: u16 24, u16 21321, u32 version, i64 offset of the first field, u32 flags (low 28 bits:
number of fields), u32 0. A field's is 16: u32 type word, i32 tag, u32 next field (relative to the volume, 0 ends), u32
size; then a second tag where the type word says so, then the payload. A file may hold tags that nobody knows; they
are kept as they are.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from services.ingestion.slides.errors import SlideDamaged, SlideError, SlideIncomplete

TREE_OFFSET = 8
MAX_DEPTH = 24
# A real slide has about a thousand.
MAX_FIELDS = 200_000

_VOLUME = struct.Struct("<HHIqII")
_FIELD = struct.Struct("<IiII")
_SECOND_TAG, _NESTED, _INLINE = 0x0800_0000, 0x1000_0000, 0x4000_0000
_NESTED_KINDS = (0, 1, 2)
_TEXT_KINDS = (13, 8192, 8194)
_NUMBERS = {
    **dict.fromkeys((5, 256, 257, 258, 259, 267, 274, 275, 276, 277, 8195, 8199, 8200), "i"),
    **dict.fromkeys((10, 260, 261, 262, 263, 268, 279, 280), "d"),
    **dict.fromkeys((7, 17, 18), "q"),
    1: "b",
    2: "B",
    3: "h",
    4: "H",
    6: "I",
    8: "Q",
    9: "f",
    12: "B",
}
# Lists of image frames and their display settings may declare sizes past the end of the file in sound slides.
_LOOSE_TAGS, _LOOSE_FLAGS = (2023, 2024), 0x28


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its value as stored, and the fields nested in it."""

    tag: int
    second: int | None
    kind: int
    data: bytes
    children: tuple["Field", ...]

    def walk(self) -> Iterator["Field"]:
        """All fields below this one, depth first."""
        for child in self.children:
            yield child
            yield from child.walk()

    def all(self, tag: int) -> Iterator["Field"]:
        """The children of that tag."""
        return (child for child in self.children if child.tag == tag)

    def find(self, *tags: int) -> "Field | None":
        """The first field on the path of tags, if there is one."""
        field: Field | None = self
        for tag in tags:
            field = next(field.all(tag), None) if field is not None else None
        return field

    @property
    def numbers(self) -> tuple[float, ...]:
        """The value as numbers; empty where the field is of another type."""
        code = _NUMBERS.get(self.kind)
        if code is None:
            return ()
        count = len(self.data) // struct.calcsize(code)
        return struct.unpack_from(f"<{count}{code}", self.data)

    @property
    def text(self) -> str | None:
        """The value as text up to the first NUL; None where the field is of another type."""
        if self.kind not in _TEXT_KINDS:
            return None
        return self.data.decode("utf-16-le", "replace").split("\0")[0].strip()


def parse_tree(data: bytes, name: str, file_size: int | None = None) -> Field:
    """The tree of the .vsi called `name`, whose beginning is `data`; `file_size` where that is not the whole file.

    Raises:
        SlideIncomplete: the tree goes on past the end of the file.
        SlideDamaged: the tree contradicts the format, or is deeper or larger than any real one.
    """
    return _Parser(data, name, len(data) if file_size is None else file_size).tree()


def readable_tree(data: bytes, name: str) -> Field:
    """What can be read of the tree: of a volume that is cut short or damaged, the fields in front of that place.

    For finding what a scan is called that cannot be read; what it holds is told by `parse_tree` alone.
    """
    return _Parser(data, name, len(data), as_far_as_readable=True).tree()


class _Parser:
    def __init__(self, data: bytes, name: str, file_size: int, *, as_far_as_readable: bool = False) -> None:
        self._data = data
        self._name = name
        self._file_size = file_size
        self._as_far_as_readable = as_far_as_readable
        self._fields = 0

    def tree(self) -> Field:
        return Field(0, None, 0, b"", tuple(self._volume(TREE_OFFSET, 0)))

    def _volume(self, start: int, depth: int) -> Iterator[Field]:
        try:
            yield from self._fields_of(start, depth)
        except SlideError:
            if not self._as_far_as_readable:
                raise

    def _fields_of(self, start: int, depth: int) -> Iterator[Field]:
        if depth > MAX_DEPTH:
            raise self._damaged(start, f"the tag tree is nested deeper than {MAX_DEPTH}")
        self._require(start, _VOLUME.size, "a volume header")
        size, magic, _, first, flags, _ = _VOLUME.unpack_from(self._data, start)
        if (size, magic) != (24, 21321):
            raise self._damaged(start, f"a tag volume was expected, not {size}, {magic}")
        count = flags & 0x0FFF_FFFF
        if count and not _VOLUME.size <= first <= self._file_size:
            raise self._damaged(start, f"the volume's first field is at {first}")
        position = start + first
        for _ in range(count):
            field, link = self._field(position, depth)
            # A negative tag closes a volume in some real files.
            if field.tag < 0:
                return
            yield field
            if link == 0:
                return
            if start + link <= position:
                raise self._damaged(position, "the field links backwards")
            position = start + link

    def _field(self, start: int, depth: int) -> tuple[Field, int]:
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise self._damaged(start, f"the tag tree has more than {MAX_FIELDS} fields")
        self._require(start, _FIELD.size, "a field header")
        word, tag, link, size = _FIELD.unpack_from(self._data, start)
        payload = start + _FIELD.size
        second = None
        if word & _SECOND_TAG:
            self._require(payload, 4, f"field {tag}")
            (second,) = struct.unpack_from("<i", self._data, payload)
            payload += 4
        if tag < 0:
            return Field(tag, second, 0, b"", ()), 0
        kind = word & 0xFF_FFFF
        if word & _NESTED:
            children = tuple(self._volume(payload, depth + 1)) if kind in _NESTED_KINDS else ()
            return Field(tag, second, kind, b"", children), link
        return Field(tag, second, kind, self._value(word, tag, payload, size), ()), link

    def _value(self, word: int, tag: int, payload: int, size: int) -> bytes:
        if word & _INLINE:
            return struct.pack("<I", size)
        if tag in _LOOSE_TAGS and word >> 24 == _LOOSE_FLAGS:
            return b""
        self._require(payload, size, f"field {tag}")
        return self._data[payload : payload + size]

    def _require(self, start: int, length: int, what: str) -> None:
        if start + length <= len(self._data):
            return
        if len(self._data) < self._file_size:
            raise self._damaged(start, f"{what} lies past the first {len(self._data)} bytes, where no tag tree reaches")
        problem = f"{what} at offset {start} needs {length} bytes, the file ends at {self._file_size}"
        raise SlideIncomplete(self._name, problem)

    def _damaged(self, offset: int, problem: str) -> SlideDamaged:
        return SlideDamaged(self._name, f"at offset {offset}, {problem}")
