"""Whether a TIFF (also SVS, OME-TIFF) is all there, by its own directories; and what it says of itself."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.ingestion.slides.errors import SlideDamaged, SlideIncomplete
from services.ingestion.slides.positioned import PositionedFile

IMAGE_DESCRIPTION = 270
_OFFSETS_AND_COUNTS = ((273, 279), (324, 325))
_SUB_DIRECTORIES = 330
# Hamamatsu's mark: its classic TIFFs hold 64-bit offsets in their own way.
_NDPI = 65420
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1, 13: 4, 16: 8, 18: 8}
_MAX_DIRECTORIES = 4096
_MAX_ENTRIES = 4096
_MAX_ARRAY = 64 << 20
# All tables of a file together; those of a teravoxel scan take less. Each poll reads them while a scan waits.
_MAX_TABLES = 192 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One directory entry: type, number of values, and where they are."""

    kind: int
    count: int
    offset: int

    @property
    def size(self) -> int:
        """Bytes of the values; 0 for types that are not read here."""
        return self.count * _SIZES.get(self.kind, 0)


@dataclass
class TiffFile:
    """The directories of a TIFF or BigTIFF. `order` is `<` or `>`."""

    file: PositionedFile
    order: str
    big: bool
    first: int
    _seen: set[int] = field(default_factory=set)
    _bytes_read: int = 0

    def directories(self) -> Iterator[dict[int, Entry]]:
        """Every directory, those of reduced levels included. A loop ends them.

        Raises SlideIncomplete; SlideDamaged where the tables are too many to be sensible.
        """
        waiting = [self.first]
        while waiting and len(self._seen) < _MAX_DIRECTORIES:
            offset = waiting.pop(0)
            if not offset or offset in self._seen:
                continue
            self._seen.add(offset)
            entries, following = self._directory(offset)
            yield entries
            if _SUB_DIRECTORIES in entries:
                waiting += self.numbers(entries[_SUB_DIRECTORIES]).tolist()
            waiting.append(following)

    def data(self, entry: Entry) -> bytes:
        """The bytes of an entry's values; empty where they are too many to be sensible. Raises SlideIncomplete."""
        return self._read(entry.offset, entry.size) if entry.size <= _MAX_ARRAY else b""

    def numbers(self, entry: Entry) -> NDArray[np.uint64]:
        """An entry's values. Raises SlideIncomplete."""
        size = _SIZES.get(entry.kind, 1)
        data = self.data(entry)
        return np.frombuffer(data, f"{self.order}u{size}", len(data) // size).astype(np.uint64)

    def _directory(self, offset: int) -> tuple[dict[int, Entry], int]:
        count_size, entry_size, word = (8, 20, "Q") if self.big else (2, 12, "I")
        (count,) = struct.unpack(self.order + ("Q" if self.big else "H"), self._read(offset, count_size))
        count = min(count, _MAX_ENTRIES)
        data = self._read(offset + count_size, count * entry_size + struct.calcsize(word))
        entries = {}
        for number in range(count):
            tag, kind, values = struct.unpack_from(f"{self.order}HH{word}", data, number * entry_size)
            entries[tag] = self._entry(kind, values, data, offset + count_size, number * entry_size)
        (following,) = struct.unpack_from(self.order + word, data, count * entry_size)
        return entries, following

    def _entry(self, kind: int, count: int, data: bytes, start: int, at: int) -> Entry:
        """Values that fit stand in the entry itself."""
        room, word, field_at = (8, "Q", at + 12) if self.big else (4, "I", at + 8)
        if count * _SIZES.get(kind, room + 1) <= room:
            return Entry(kind, count, start + field_at)
        return Entry(kind, count, struct.unpack_from(self.order + word, data, field_at)[0])

    def _read(self, offset: int, length: int) -> bytes:
        self._bytes_read += length
        if self._bytes_read > _MAX_TABLES:
            raise SlideDamaged(self.file.name, f"its TIFF directories hold more than {_MAX_TABLES >> 20} MiB of tables")
        if offset + length > self.file.size:
            problem = f"a TIFF directory needs bytes up to {offset + length}, the file ends at {self.file.size}"
            raise SlideIncomplete(self.file.name, problem)
        return self.file.read(offset, length)


def open_tiff(file: PositionedFile) -> TiffFile | None:
    """The file's directories; None where it is no TIFF. Raises SlideIncomplete where nothing has been written yet."""
    head = file.read(0, min(file.size, 16))
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None and len(head) > 1 and any(head):
        return None
    if len(head) < 16:
        raise SlideIncomplete(file.name, f"holds {file.size} bytes, not even a header")
    if order is None:
        raise SlideIncomplete(file.name, "its header is zeros: nothing has been written yet")
    (version,) = struct.unpack_from(order + "H", head, 2)
    if version not in (42, 43):
        return None
    (first,) = struct.unpack_from(order + ("I" if version == 42 else "Q"), head, 4 if version == 42 else 8)
    return TiffFile(file, order, version == 43, first)


def check_tiff_complete(file: PositionedFile) -> None:
    """Check that every strip and tile lies inside the file.

    Raises:
        SlideIncomplete: something lies past the end, or the directories have not been written yet.
        SlideDamaged: there are more tables than a slide can have.
    """
    tiff = open_tiff(file)
    if tiff is None:
        return
    # Beyond 4 GiB a classic TIFF can only be Hamamatsu's, whose offsets are not in these tables.
    if not tiff.big and file.size >> 32:
        return
    if not tiff.first:
        raise SlideIncomplete(file.name, "has no TIFF directory yet")
    for directory in tiff.directories():
        if _NDPI in directory:
            return
        for offsets, counts in _OFFSETS_AND_COUNTS:
            if offsets in directory and counts in directory:
                _check_inside(file, tiff.numbers(directory[offsets]), tiff.numbers(directory[counts]))


def _check_inside(
    file: PositionedFile,
    offsets: NDArray[np.uint64],
    counts: NDArray[np.uint64],
) -> None:
    both = min(len(offsets), len(counts))
    ends = offsets[:both].astype(np.float64) + counts[:both].astype(np.float64)
    if both and ends.max() > file.size:
        raise SlideIncomplete(file.name, f"its pixels reach to byte {ends.max():.0f}, the file ends at {file.size}")
