"""The pixel file of one stack: encoded tiles, then their table, then the two headers at the front."""

import struct
from collections import deque
from collections.abc import Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import imagecodecs
import numpy as np

from services.simulator.vsi.mosaic import Pixels
from services.simulator.vsi.pyramid import Tile, tiles
from services.simulator.vsi.stack import Stack

_SIS = struct.Struct("<4sIIIQIIQIIQII")
_ETS_OFFSET, _ETS_SIZE = 64, 228
_CODECS = {"jpeg": 2, "jpeg2000": 3}
# Signal-to-noise of lossy JPEG 2000 tiles, in dB; quality 100 stores them without loss.
_JPEG2000_PSNR = 46
_IN_FLIGHT = 16


def write_ets(path: Path, stack: Stack, *, threads: int = 2) -> None:
    """Write a stack's pixels.

    Memory stays at a few tiles; tiles with equal keys (see `BlockMosaic`) are stored once and shared by the table.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file, ThreadPoolExecutor(threads) as pool:
        file.write(bytes(_ETS_OFFSET + _ETS_SIZE))
        writer = _TileWriter(file, stack, pool)
        for tile in tiles(stack):
            writer.add(tile)
        writer.finish()
        table = file.tell()
        for record in sorted(writer.records(), key=lambda record: record[0][::-1]):
            coordinates, offset, length = record
            file.write(struct.pack(f"<I{len(coordinates)}iQII", len(coordinates), *coordinates, offset, length, 0))
        count = (file.tell() - table) // (20 + 4 * _axes(stack))
        file.seek(0)
        header = (_axes(stack), _ETS_OFFSET, _ETS_SIZE, 0, table, count)
        file.write(_SIS.pack(b"SIS\0", 64, 2, *header, 0, 0, 0, 0) + _ets_header(stack))


@dataclass
class _TileWriter:
    file: BinaryIO
    stack: Stack
    pool: ThreadPoolExecutor
    _seen: set[Hashable] = field(default_factory=set)
    _places: list[tuple[tuple[int, ...], Hashable]] = field(default_factory=list)
    _stored: dict[Hashable, tuple[int, int]] = field(default_factory=dict)
    _encoding: deque[tuple[Hashable, Future[bytes | None]]] = field(default_factory=deque)

    def add(self, tile: Tile) -> None:
        slots = (0,) if self.stack.depth == 1 else (tile.plane, 0)
        self._places.append(((tile.x, tile.y, *slots, tile.level), tile.key))
        if tile.key in self._seen:
            return
        self._seen.add(tile.key)
        self._encoding.append((tile.key, self.pool.submit(_encoded, self.stack, tile.render())))
        if len(self._encoding) >= _IN_FLIGHT:
            self._store_oldest()

    def finish(self) -> None:
        while self._encoding:
            self._store_oldest()

    def records(self) -> list[tuple[tuple[int, ...], int, int]]:
        return [(place, *self._stored[key]) for place, key in self._places if key in self._stored]

    def _store_oldest(self) -> None:
        key, future = self._encoding.popleft()
        data = future.result()
        if data is not None:
            self._stored[key] = (self.file.tell(), len(data))
            self.file.write(data)


def _encoded(stack: Stack, pixels: Pixels) -> bytes | None:
    if stack.skip_blank and bool((pixels == np.array(stack.background, np.uint8)).all()):
        return None
    if stack.codec == "jpeg2000":
        psnr = None if stack.quality >= 100 else _JPEG2000_PSNR
        reversible = stack.quality >= 100
        return bytes(imagecodecs.jpeg2k_encode(pixels, level=psnr, codecformat="j2k", mct=True, reversible=reversible))
    return bytes(imagecodecs.jpeg8_encode(pixels, level=stack.quality, subsampling="420"))


def _axes(stack: Stack) -> int:
    return 4 if stack.depth == 1 else 5


def _ets_header(stack: Stack) -> bytes:
    """Pixel type u8, 3 samples, colour space, codec, quality, tile size; background, pyramid, origin, extents."""
    header = bytearray(_ETS_SIZE)
    values = (0x30003, 2, 3, 4, _CODECS[stack.codec], stack.quality, stack.tile, stack.tile, 1)
    struct.pack_into("<4s9I", header, 0, b"ETS\0", *values)
    header[108:111] = bytes(stack.background)
    struct.pack_into("<I", header, 152, 1)
    struct.pack_into("<ii", header, 172, *stack.origin)
    extents = [*stack.size, stack.depth] if stack.depth == 1 else [*stack.size, stack.depth, 1]
    struct.pack_into(f"<I{len(extents)}I", header, 184, len(extents), *extents)
    return bytes(header)
