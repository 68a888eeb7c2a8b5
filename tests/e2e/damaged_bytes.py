"""What disks, half-done copies and hostile hands do to the bytes of a scan's files."""

import os
import struct
from pathlib import Path

from tests.e2e.damaged_scans import TABLE_AT, Kind, Scan

HOSTILE = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADERS, RECORD = 292, 36


def patch(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def vsi_cut(scan: Scan) -> None:
    os.truncate(scan.vsi, int(scan.dice.integers(scan.vsi.stat().st_size)))


def ets_cut(scan: Scan) -> None:
    os.truncate(scan.ets, int(scan.dice.integers(scan.ets.stat().st_size)))


def ets_cut_in_its_table(scan: Scan) -> None:
    os.truncate(scan.ets, int(scan.dice.integers(scan.table, scan.ets.stat().st_size)))


def _outside_barcode(scan: Scan, size: int) -> int:
    """A place in the .vsi where `size` bytes do not touch the specimen number: that would be another specimen."""
    content = scan.vsi.read_bytes()
    texts = [scan.specimen.encode(code) for code in ("utf-8", "utf-16-le")]
    taken = [range(at, at + len(text)) for text in texts for at in _places(content, text)]
    while True:
        at = int(scan.dice.integers(len(content) - size))
        if not any(at < one.stop and one.start < at + size for one in taken):
            return at


def _places(content: bytes, text: bytes) -> list[int]:
    places, at = [], content.find(text)
    while at >= 0:
        places.append(at)
        at = content.find(text, at + 1)
    return places


def vsi_zeros(scan: Scan) -> None:
    size = int(scan.dice.choice([4, 64, 200]))
    patch(scan.vsi, _outside_barcode(scan, size), bytes(size))


def vsi_flipped(scan: Scan) -> None:
    at = _outside_barcode(scan, 1)
    patch(scan.vsi, at, bytes([scan.vsi.read_bytes()[at] ^ 1 << int(scan.dice.integers(8))]))


def vsi_hostile(scan: Scan) -> None:
    at = _outside_barcode(scan, 8) // 4 * 4
    patch(scan.vsi, at, struct.pack("<I", int(scan.dice.choice(HOSTILE))))


def _flip(scan: Scan, low: int, high: int) -> None:
    at = int(scan.dice.integers(low, high))
    patch(scan.ets, at, bytes([scan.ets.read_bytes()[at] ^ 1 << int(scan.dice.integers(8))]))


def ets_header_flipped(scan: Scan) -> None:
    _flip(scan, 0, HEADERS)


def ets_table_flipped(scan: Scan) -> None:
    _flip(scan, scan.table, scan.ets.stat().st_size)


def ets_tiles_flipped(scan: Scan) -> None:
    for _ in range(40):
        _flip(scan, HEADERS, scan.table)


def ets_header_hostile(scan: Scan) -> None:
    at = int(scan.dice.integers(3, HEADERS // 4)) * 4
    patch(scan.ets, at, struct.pack("<I", int(scan.dice.choice(HOSTILE))))


def _record(scan: Scan) -> int:
    table = scan.table
    return table + RECORD * int(scan.dice.integers((scan.ets.stat().st_size - table) // RECORD))


def ets_table_hostile(scan: Scan) -> None:
    patch(scan.ets, _record(scan) + 4 * int(scan.dice.integers(9)), struct.pack("<I", int(scan.dice.choice(HOSTILE))))


def ets_tile_beyond_the_end(scan: Scan) -> None:
    beyond = scan.ets.stat().st_size + int(scan.dice.integers(2**40))
    patch(scan.ets, _record(scan) + 20, struct.pack("<Q", beyond))


def ets_table_beyond_the_end(scan: Scan) -> None:
    patch(scan.ets, TABLE_AT, struct.pack("<Q", scan.ets.stat().st_size + int(scan.dice.integers(2**40))))


def ets_of_four_billion_tiles(scan: Scan) -> None:
    patch(scan.ets, 40, struct.pack("<I", 0xFFFFFFFF))


def ets_zeros(scan: Scan) -> None:
    size = int(scan.dice.choice([16, 512, 4096]))
    patch(scan.ets, int(scan.dice.integers(max(1, scan.ets.stat().st_size - size))), bytes(size))


def ets_all_zeros(scan: Scan) -> None:
    scan.ets.write_bytes(bytes(scan.ets.stat().st_size))


def tiles_zeros(scan: Scan) -> None:
    table = scan.table
    at = int(scan.dice.integers(HEADERS, table - 20_000))
    patch(scan.ets, at, bytes(20_000))


def tiles_noise(scan: Scan) -> None:
    patch(scan.ets, HEADERS, scan.dice.bytes(scan.table - HEADERS))


def tile_says_65535_px(scan: Scan) -> None:
    content = bytearray(scan.ets.read_bytes())
    for at in _places(bytes(content), b"\xff\xc0\x00\x11\x08"):
        content[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    scan.ets.write_bytes(content)


def fluorescence(scan: Scan) -> None:
    patch(scan.ets, 72, struct.pack("<II", 4, 1))


BYTES = (
    Kind(vsi_cut, 18),
    Kind(vsi_zeros, 12),
    Kind(vsi_flipped, 24),
    Kind(vsi_hostile, 14),
    Kind(ets_cut, 18),
    Kind(ets_cut_in_its_table, 6),
    Kind(ets_zeros, 14),
    Kind(ets_all_zeros, 1),
    Kind(ets_header_flipped, 16),
    Kind(ets_header_hostile, 16),
    Kind(ets_table_flipped, 16),
    Kind(ets_table_hostile, 14),
    Kind(ets_tile_beyond_the_end, 5),
    Kind(ets_table_beyond_the_end, 3),
    Kind(ets_of_four_billion_tiles),
    Kind(ets_tiles_flipped, 5, cells=True),
    Kind(tiles_zeros, 5, cells=True),
    Kind(tiles_noise, 2, cells=True),
    Kind(tile_says_65535_px, 1, cells=True),
    Kind(fluorescence, 2),
)
