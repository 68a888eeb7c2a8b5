"""Tile codecs: compressed bytes into pixels, whole or not at all."""

from collections.abc import Callable
from typing import Protocol

from services.ingestion.slides import jpeg, jpeg2000
from services.ingestion.slides.errors import SlideUnsupported
from services.ingestion.slides.positioned import PositionedFile
from services.ingestion.slides.slide import Pixels
from services.ingestion.slides.vsi.container import PixelHeader


class Decode(Protocol):
    """Decodes `data` into `out`, (height, width, 3) uint8. Raises ValueError unless every pixel is certain."""

    def __call__(self, data: bytes, out: Pixels, /) -> None: ...


_NAMES = {0: "uncompressed", 5: "lossless JPEG", 8: "PNG", 9: "BMP"}
_DECODERS: dict[int, Callable[[bytes, Pixels], None]] = {2: jpeg.decode, 3: jpeg2000.decode}


def decoder(file: PositionedFile, header: PixelHeader) -> Decode:
    """The decoder of a scan's tiles. Raises SlideUnsupported."""
    if header.codec not in _DECODERS:
        name = _NAMES.get(header.codec, "unknown")
        problem = f"stores its tiles with codec {header.codec} ({name}, offset 84)"
        raise SlideUnsupported(file.name, problem, "Set the scanner to JPEG or JPEG 2000 and scan the slide again.")
    return _DECODERS[header.codec]


def most_bytes(header: PixelHeader) -> int:
    """The most bytes a tile can sensibly take: twice its pixels, and room for tables."""
    return 6 * header.tile[0] * header.tile[1] + (1 << 16)
