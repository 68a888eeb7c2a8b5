"""The pixel file (.ets): its two headers and its table of tiles, checked before anything is believed.

SIS, 64 bytes at 0: magic, u32 header size, version and number of axes; u64 offset and u32 size of the ETS header; u64
offset of the tile table, u32 number of tiles; u64 offset and u32 number of a table of free places. Then the ETS header,
the tiles, and the table.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.ingestion.slides.errors import SlideDamaged, SlideIncomplete
from services.ingestion.slides.positioned import PositionedFile

_SIS = struct.Struct("<4sIIIQIIQIIQI")
_SIS_SIZE = 64
_ETS_SIZE = 228
_ETS_LEAST = 156
_AXES = range(4, 9)
# A teravoxel of 512-px tiles; bounds the memory of the table.
_MAX_TILES = 2_000_000
_SMALLEST_TILE = 16

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class PixelHeader:
    """What the ETS header says of the pixels; sizes in pixels."""

    pixel_type: int
    samples: int
    codec: int
    tile: tuple[int, int]
    tile_depth: int
    background: tuple[int, int, int]
    origin: tuple[int, int]
    extents: tuple[int, ...]


@dataclass(frozen=True)
class Container:
    """A checked pixel file.

    `coordinates` is tiles x axes: x, y, slots, level; `offsets` and `lengths` say where each tile's bytes are. Several
    tiles may share one place in whole; no two places overlap.
    """

    header: PixelHeader
    coordinates: NDArray[np.int32]
    offsets: Integers
    lengths: Integers


def read_container(file: PositionedFile) -> Container:
    """The headers and table of an open pixel file.

    Raises:
        SlideIncomplete: they are not written yet, or lie past the end of the file.
        SlideDamaged: they contradict the format or each other.
    """
    if file.size < _SIS_SIZE + _ETS_LEAST:
        raise SlideIncomplete(file.name, f"holds {file.size} bytes, not even its headers")
    start = file.read(0, _SIS_SIZE)
    if not any(start):
        raise SlideIncomplete(file.name, "its header is zeros: nothing has been written yet")
    magic, size, _, axes, ets_at, ets_size, _, table_at, count, _, free_at, free = _SIS.unpack_from(start)
    if magic != b"SIS\0" or size != _SIS_SIZE or axes not in _AXES:
        raise SlideDamaged(file.name, f"its header (offset 0) is {magic!r}, {size}, {axes} axes")
    if ets_at < _SIS_SIZE or not _ETS_LEAST <= ets_size <= 1 << 20:
        raise SlideDamaged(file.name, f"its pixel header is placed at {ets_at} with {ets_size} bytes (offset 16)")
    if ets_at + ets_size > file.size:
        raise SlideIncomplete(file.name, f"its pixel header ends at {ets_at + ets_size}, the file at {file.size}")
    header = _pixel_header(file, ets_at, file.read(ets_at, min(ets_size, _ETS_SIZE)))
    front = ets_at + ets_size
    records = _records(file, table_at, count, axes, front)
    _require_end(file, records, front, table_at, free_at if free else 0)
    return _checked(file, header, records, front, table_at)


def _pixel_header(file: PositionedFile, at: int, data: bytes) -> PixelHeader:
    magic, _, pixel_type, samples, _, codec, _, width, height, depth = struct.unpack_from("<4s9I", data)
    if magic != b"ETS\0":
        raise SlideDamaged(file.name, f"its pixel header (offset {at}) begins with {magic!r}, not with b'ETS\\0'")
    origin, extents = (0, 0), ()
    if len(data) >= 188:
        origin = struct.unpack_from("<2i", data, 172)
        (dimensions,) = struct.unpack_from("<I", data, 184)
        if dimensions > 10:
            raise SlideDamaged(file.name, f"its pixel header declares {dimensions} dimensions (offset {at + 184})")
        known = min(dimensions, (len(data) - 188) // 4)
        extents = struct.unpack_from(f"<{known}I", data, 188)
    background = (data[108], data[109], data[110])
    return PixelHeader(pixel_type, samples, codec, (width, height), depth, background, origin, extents)


def _records(file: PositionedFile, at: int, count: int, axes: int, front: int) -> NDArray[Any]:
    layout = np.dtype(
        [("axes", "<u4"), ("at", "<i4", (axes,)), ("offset", "<u8"), ("length", "<u4"), ("reserved", "<u4")]
    )
    if not at and not count:
        raise SlideIncomplete(file.name, "has no tile table yet (offset 32)")
    if not 0 < count <= _MAX_TILES or at < front:
        raise SlideDamaged(file.name, f"its tile table is placed at {at} with {count} tiles (offset 32)")
    size = count * layout.itemsize
    if at + size > file.size:
        raise SlideIncomplete(file.name, f"its tile table ends at {at + size}, the file at {file.size}")
    records = np.frombuffer(file.read(at, size), layout)
    if not records["axes"][-1] and not records["length"][-1]:
        raise SlideIncomplete(file.name, f"its tile table (offset {at}) ends in zeros: it has not been written yet")
    if (records["axes"] != axes).any():
        wrong = int(np.argmax(records["axes"] != axes))
        offset = at + wrong * layout.itemsize
        raise SlideDamaged(file.name, f"record {wrong} of its tile table (offset {offset}) has another number of axes")
    return records


def _require_end(file: PositionedFile, records: NDArray[Any], front: int, table: int, free_at: int) -> None:
    """Raises SlideDamaged where the table goes on behind the number of tiles that the header gives.

    A number that is too small would hide whole levels, and tiles of the finest one. The table ends the file, or the
    table of free places follows it; what else may stand there is not known and not refused, unless it is a record.
    """
    end = table + records.nbytes
    if end == free_at or end + records.itemsize > file.size:
        return
    following = np.frombuffer(file.read(end, records.itemsize), records.dtype)[0]
    placed = front <= following["offset"] < file.size and following["length"]
    if following["axes"] == records["axes"][0] and placed:
        problem = f"its header gives {len(records)} tiles (offset 40), but its tile table goes on at offset {end}"
        raise SlideDamaged(file.name, problem)


def _checked(file: PositionedFile, header: PixelHeader, records: NDArray[Any], front: int, table: int) -> Container:
    offsets, lengths = records["offset"], records["length"].astype(np.int64)
    outside = (offsets < front) | (offsets > file.size) | (lengths < _SMALLEST_TILE)
    outside |= offsets.astype(np.int64) + lengths > file.size
    if outside.any():
        tile = int(np.argmax(outside))
        place = f"{offsets[tile]} with {lengths[tile]} bytes"
        raise SlideDamaged(file.name, f"tile {tile} is placed at {place}, outside the file's {file.size}")
    container = Container(header, records["at"], offsets.astype(np.int64), lengths)
    if _overlaps(container, table, records.nbytes):
        raise SlideDamaged(file.name, "tiles overlap each other or the tile table")
    return container


def _overlaps(container: Container, table: int, table_size: int) -> bool:
    """Whether two places overlap without being the same."""
    own = np.array([[table, table_size]], np.int64)
    places = np.unique(np.concatenate([np.stack([container.offsets, container.lengths], axis=1), own]), axis=0)
    return bool((places[1:, 0] < places[:-1, 0] + places[:-1, 1]).any())
