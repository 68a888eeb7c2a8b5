"""JPEG 2000 tiles, decoded by OpenJPEG with the GIL released, after the codestream's own sizes have been checked."""

import struct

import imagecodecs

from services.ingestion.slides.slide import Pixels

_CODESTREAM = b"\xff\x4f\xff\x51"
_END = b"\xff\xd9"
_BOXES = b"\0\0\0\x0cjP  "
_MAX_BOXES = 32
_CODING_STYLE = b"\xff\x52"
_SIZ = struct.Struct(">HHIIIIIIIIH")
_TRAILING = 16
# Zeros beyond the empty packets that a blank tile may hold.
_ZERO_RUN = 64
# Part 1 of the standard (ISO/IEC 15444-1, table A.15).
_MOST_LEVELS = 32
# A tile in more pieces than this serves only to take time and memory.
_MOST_PACKETS = 1 << 16
_HEADER_LIMIT = 1024


def decode(data: bytes, out: Pixels) -> None:
    """Decode one tile into `out`, (height, width, 3) uint8. Raises ValueError where it is not whole."""
    start = _codestream_start(data)
    _check_sizes(data[start : start + 64], out.shape)
    if _END not in data[-_TRAILING:]:
        raise ValueError("the JPEG 2000 codestream has no end marker")
    if bytes(_longest_zeros(data, start, out.shape)) in data[start:]:
        raise ValueError("the JPEG 2000 codestream is partly zeroed")
    try:
        imagecodecs.jpeg2k_decode(data[start:], numthreads=1, out=out)
    except RuntimeError as error:
        raise ValueError(f"the JPEG 2000 codestream does not decode ({error})") from error


def _codestream_start(data: bytes) -> int:
    """Tiles are bare codestreams, or JP2 files whose `jp2c` box holds one."""
    if data.startswith(_CODESTREAM):
        return 0
    at = 0
    for _ in range(_MAX_BOXES if data.startswith(_BOXES) else 0):
        if len(data) < at + 12:
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"jp2c" and data[at + 8 : at + 12] == _CODESTREAM:
            return at + 8
        at += max(length, 8)
    raise ValueError("the bytes are no JPEG 2000 codestream")


def _check_sizes(head: bytes, shape: tuple[int, ...]) -> None:
    """The picture must be the tile, in one piece: a codestream may declare sizes far beyond what it holds."""
    if len(head) < 4 + _SIZ.size + 9:
        raise ValueError("the JPEG 2000 codestream is short")
    _, _, right, bottom, left, top, tile_width, tile_height, tile_left, tile_top, components = _SIZ.unpack_from(head, 4)
    height, width, samples = shape
    if (right, bottom, left, top) != (width, height, 0, 0):
        raise ValueError(f"the JPEG 2000 picture is {right - left} x {bottom - top}")
    if tile_width < min(64, width) or tile_height < min(64, height) or tile_left or tile_top:
        raise ValueError(f"the JPEG 2000 picture is cut into pieces of {tile_width} x {tile_height}")
    if components != samples or head[4 + _SIZ.size : 4 + _SIZ.size + 9] != b"\x07\x01\x01" * 3:
        raise ValueError("the JPEG 2000 picture is not three components of 8 bits at full resolution")


def _longest_zeros(data: bytes, start: int, shape: tuple[int, ...]) -> int:
    """The shortest run of zeros that no sound codestream has: an empty packet is one zero byte."""
    style = data.find(_CODING_STYLE, start, start + _HEADER_LIMIT)
    if style < 0 or len(data) < style + 14:
        raise ValueError("the JPEG 2000 codestream has no coding style")
    with_precincts, _, layers, _, levels = struct.unpack_from(">BBHBB", data, style + 4)
    exponents = data[style + 14 : style + 15 + levels] if with_precincts & 1 else b"\xff" * (levels + 1)
    if levels > _MOST_LEVELS or len(exponents) != levels + 1:
        raise ValueError("the JPEG 2000 codestream's coding style is broken")
    packets = 0
    for resolution, exponent in enumerate(exponents):
        height, width = (-(-side >> (levels - resolution)) for side in shape[:2])
        packets += -(-width >> (exponent & 15)) * -(-height >> (exponent >> 4))
    if layers * packets > _MOST_PACKETS:
        raise ValueError(f"the JPEG 2000 codestream has {layers} layers in {packets} precincts")
    return int(_ZERO_RUN + 3 * layers * packets)
