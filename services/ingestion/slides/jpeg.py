"""JPEG tiles, decoded by libjpeg-turbo in its strict mode (any warning is an error), with the GIL released.

JPEG has no checksum. What is checked finds tiles that are cut, zero-filled, swapped for others or shifted by bits;
a flipped bit that leaves the number of coded blocks as it was changes pixels and cannot be seen.
"""

import struct

import simplejpeg

from services.ingestion.slides.slide import Pixels

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_START_OF_SCAN, _HUFFMAN_TABLES = 0xDA, 0xC4
_SEQUENTIAL_FRAMES = (0xC0, 0xC1)
_OTHER_FRAMES = frozenset(range(0xC2, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MAX_MARKERS = 256
# Bytes some writers put after the end marker.
_TRAILING = 16
# Zero bytes enough for a whole luminance block of identical non-zero coefficients under the usual tables.
_ZERO_RUN = 64


def decode(data: bytes, out: Pixels) -> None:
    """Decode one tile into `out`, (height, width, 3) uint8. Raises ValueError where it is not whole."""
    scan, zeros_are_flat = _checked_headers(data, out.shape)
    if _EOI not in data[-_TRAILING:]:
        raise ValueError("the JPEG has no end marker")
    if not zeros_are_flat and bytes(_ZERO_RUN) in data[scan:]:
        raise ValueError("the JPEG's coded pixels are partly zeroed")
    simplejpeg.decode_jpeg(data, "RGB", buffer=out, strict=True)


def _checked_headers(data: bytes, shape: tuple[int, ...]) -> tuple[int, bool]:
    """Where the coded pixels begin, and whether zeros among them can stand for flat areas.

    The frame's size is known before any memory is spent on it, and scans cannot be piled up: progressive frames are
    refused.
    """
    if data[:2] != _SOI:
        raise ValueError("the bytes are not a JPEG")
    at, framed, zeros_are_flat = 2, False, False
    for _ in range(_MAX_MARKERS):
        if len(data) < at + 4 or data[at] != 0xFF:
            raise ValueError(f"there is no JPEG marker at byte {at} of the tile")
        marker, (length,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
        segment = data[at + 4 : at + 2 + length]
        if marker in _SEQUENTIAL_FRAMES:
            _check_frame(segment, shape)
            framed = True
        elif marker in _OTHER_FRAMES:
            raise ValueError(f"the JPEG's frame is of kind {marker:#x}, not sequential")
        elif marker == _HUFFMAN_TABLES:
            zeros_are_flat = zeros_are_flat or _zeros_end_blocks(segment)
        elif marker == _START_OF_SCAN:
            break
        at += 2 + max(length, 2)
    if not framed:
        raise ValueError("the JPEG has no frame header")
    return at, zeros_are_flat


def _check_frame(segment: bytes, shape: tuple[int, ...]) -> None:
    if len(segment) < 6:
        raise ValueError("the JPEG's frame header is short")
    bits, height, width, components = struct.unpack_from(">BHHB", segment)
    if (bits, height, width, components) != (8, *shape):
        raise ValueError(f"the JPEG is {width} x {height} with {components} components of {bits} bits")


def _zeros_end_blocks(segment: bytes) -> bool:
    """Whether the first luminance AC table codes the end of a block as zeros, as tables made for flat tiles do."""
    at = 0
    while at + 17 <= len(segment):
        symbols = sum(segment[at + 1 : at + 17])
        if segment[at] == 0x10 and segment[at + 17 : at + 18] == b"\0":
            return True
        at += 17 + symbols
    return False
