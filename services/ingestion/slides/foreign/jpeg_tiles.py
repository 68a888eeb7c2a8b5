"""Strict checks of a TIFF's JPEG tiles: libvips and libtiff take the warnings of libjpeg for granted."""

import numpy as np

from services.ingestion.slides import jpeg
from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.positioned import PositionedFile
from services.ingestion.slides.slide import Pixels, Region
from services.ingestion.slides.tiff import Entry, TiffFile, open_tiff

_WIDTH, _HEIGHT, _COMPRESSION, _TABLES = 256, 257, 259, 347
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
_NEEDED = {_WIDTH, _HEIGHT, _COMPRESSION, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS}
_JPEG = 7
_LARGEST_TILE = 1 << 14


class JpegTiles:
    """The JPEG tiles of one level; each is decoded strictly once, before a library shows it."""

    def __init__(self, file: PositionedFile, tiff: TiffFile, directory: dict[int, Entry]) -> None:
        width, _, self._tile_width, self._tile_height = (
            int(tiff.numbers(directory[tag])[0]) for tag in (_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT)
        )
        if not 0 < self._tile_width <= _LARGEST_TILE or not 0 < self._tile_height <= _LARGEST_TILE:
            raise SlideDamaged(file.name, f"its tiles are {self._tile_width} x {self._tile_height} px")
        self._file = file
        self._columns = -(-width // self._tile_width)
        self._offsets = tiff.numbers(directory[_TILE_OFFSETS])
        self._counts = tiff.numbers(directory[_TILE_COUNTS])
        self._tables = tiff.data(directory[_TABLES])[2:-2] if _TABLES in directory else b""
        self._checked: set[int] = set()
        self._scratch: Pixels = np.empty((self._tile_height, self._tile_width, 3), np.uint8)

    def check(self, region: Region) -> None:
        """Raises SlideDamaged where a tile that the region shows does not decode whole."""
        rows = range(max(region.y, 0) // self._tile_height, -(-(region.y + region.height) // self._tile_height))
        last = min(-(-(region.x + region.width) // self._tile_width), self._columns)
        columns = range(max(region.x, 0) // self._tile_width, last)
        for number in (row * self._columns + column for row in rows for column in columns):
            if number not in self._checked and number < min(len(self._offsets), len(self._counts)):
                self._check(number)
                self._checked.add(number)

    def _check(self, number: int) -> None:
        offset, count = int(self._offsets[number]), int(self._counts[number])
        # An empty tile is one that the scanner left out.
        if not count:
            return
        data = self._file.read(offset, count)
        try:
            jpeg.decode(data[:2] + self._tables + data[2:], self._scratch)
        except ValueError as error:
            raise SlideDamaged(self._file.name, f"tile {number} at offset {offset} is damaged: {error}") from error


def jpeg_tiles(file: PositionedFile, sizes: list[tuple[int, int]]) -> list[JpegTiles | None]:
    """The checker of each level of those sizes; None for a level that is not made of JPEG tiles."""
    tiff = open_tiff(file)
    found: dict[tuple[int, int], JpegTiles] = {}
    for directory in tiff.directories() if tiff is not None else ():
        if tiff is None or not directory.keys() >= _NEEDED or _first(tiff, directory, _COMPRESSION) != _JPEG:
            continue
        size = _first(tiff, directory, _WIDTH), _first(tiff, directory, _HEIGHT)
        if size in sizes:
            found.setdefault(size, JpegTiles(file, tiff, directory))
    return [found.get(size) for size in sizes]


def _first(tiff: TiffFile, directory: dict[int, Entry], tag: int) -> int:
    numbers = tiff.numbers(directory[tag])
    return int(numbers[0]) if len(numbers) else 0
