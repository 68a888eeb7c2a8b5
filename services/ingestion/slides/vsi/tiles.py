"""The pixels of a scan: regions put together from decoded tiles."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.positioned import PositionedFile
from services.ingestion.slides.slide import Pixels, Region
from services.ingestion.slides.vsi.cache import TileCache
from services.ingestion.slides.vsi.codecs import decoder, most_bytes
from services.ingestion.slides.vsi.container import PixelHeader
from services.ingestion.slides.vsi.pyramid import Pyramid

_LEAST_SLOTS = 4


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a stored tile, and where it goes."""

    key: int
    name: str
    offset: int
    length: int
    source: tuple[slice, slice]
    target: tuple[slice, slice]


class TileReader:
    """Reads regions of one scan.

    `cache_mib` bounds the decoded tiles kept; `threads` over 1 decode one region's tiles side by side.

    Raises:
        SlideUnsupported: the tiles' codec is not read.
    """

    def __init__(
        self, file: PositionedFile, header: PixelHeader, pyramid: Pyramid, *, cache_mib: int, threads: int
    ) -> None:
        self._file = file
        self._decode = decoder(file, header)
        self._most_bytes = most_bytes(header)
        self._pyramid = pyramid
        self._background = np.array(header.background, np.uint8)
        width, height = header.tile
        slots = max(_LEAST_SLOTS, threads, (cache_mib << 20) // (3 * width * height))
        self._cache = TileCache(slots, (height, width, 3))
        self._pool = ThreadPoolExecutor(threads, "tiles") if threads > 1 else None

    def read(self, region: Region) -> Pixels:
        """(height, width, 3) uint8; background where the slide has no pixels. Raises SlideDamaged."""
        pixels = np.empty((region.height, region.width, 3), np.uint8)
        pieces, covered = self._pieces(region)
        if covered < region.width * region.height:
            pixels[:] = self._background
        self._each(pieces, lambda piece: self._copy(piece, pixels))
        return pixels

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def _pieces(self, region: Region) -> tuple[list[_Piece], int]:
        """The stored tiles that a region shows, and how many of its pixels they cover."""
        grid = self._pyramid.grid
        level = region.level
        (tile_width, tile_height), (right_shift, down_shift) = grid.tile, grid.shift(level)
        width, height = grid.level_size(level)
        left, right = max(region.x, 0), min(region.x + region.width, width)
        top, bottom = max(region.y, 0), min(region.y + region.height, height)
        if left >= right or top >= bottom:
            return [], 0
        columns = range((left + right_shift) // tile_width, (right + right_shift - 1) // tile_width + 1)
        rows = range((top + down_shift) // tile_height, (bottom + down_shift - 1) // tile_height + 1)
        pieces, covered = [], 0
        for key, column, row, offset, length in self._pyramid.index.find(level, columns, rows):
            tile_left, tile_top = column * tile_width - right_shift, row * tile_height - down_shift
            x0, x1 = max(left, tile_left), min(right, tile_left + tile_width)
            y0, y1 = max(top, tile_top), min(bottom, tile_top + tile_height)
            source = slice(y0 - tile_top, y1 - tile_top), slice(x0 - tile_left, x1 - tile_left)
            target = slice(y0 - region.y, y1 - region.y), slice(x0 - region.x, x1 - region.x)
            pieces.append(_Piece(key, f"({column}, {row}) of level {level}", offset, length, source, target))
            covered += (x1 - x0) * (y1 - y0)
        return pieces, covered

    def _each(self, pieces: list[_Piece], work: Callable[[_Piece], None]) -> None:
        if self._pool is None or len(pieces) < 2:
            for piece in pieces:
                work(piece)
            return
        futures = [self._pool.submit(work, piece) for piece in pieces]
        try:
            for future in futures:
                future.result()
        finally:
            for future in futures:
                future.cancel()

    def _copy(self, piece: _Piece, pixels: Pixels) -> None:
        with self._cache.tile(piece.key, lambda out: self._load(piece, out)) as tile:
            pixels[piece.target] = tile[piece.source]

    def _load(self, piece: _Piece, out: Pixels) -> None:
        if piece.length > self._most_bytes:
            raise self._damaged(piece, f"takes {piece.length} bytes, more than its pixels")
        data = self._file.read(piece.offset, piece.length)
        try:
            self._decode(data, out)
        except ValueError as error:
            raise self._damaged(piece, f"cannot be read whole: {error}") from error

    def _damaged(self, piece: _Piece, problem: str) -> SlideDamaged:
        return SlideDamaged(self._file.name, f"tile {piece.name} at offset {piece.offset} {problem}")
