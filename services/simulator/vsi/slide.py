"""A whole slide on disk: one pixel file per stack, then the .vsi that names them."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from services.simulator.vsi.ets import write_ets
from services.simulator.vsi.mosaic import Pixels
from services.simulator.vsi.properties import SlideProperties, document
from services.simulator.vsi.stack import Stack


def write_slide(
    folder: Path,
    name: str,
    stacks: Sequence[Stack],
    *,
    barcode: str | None = None,
    created: datetime | None = None,
    thumbnail: Pixels | None = None,
    slide_number: int = 1,
    tray_number: int = 1,
    threads: int = 2,
) -> Path:
    """Write `<folder>/<name>.vsi` and the pixel file of every stack; returns the path of the .vsi.

    `created` is the time of the scan (now, where left out), `thumbnail` the H x W x 3 uint8 picture in the .vsi itself,
    `threads` how many encode tiles.

    Raises:
        ValueError: two stacks have one id, or there is no stack.
        OSError: the folder cannot be written.
    """
    if not stacks or len({stack.stack_id for stack in stacks}) != len(stacks):
        raise ValueError(f"{name}: a slide needs at least one stack, each with its own id")
    when = created or datetime.now(UTC)
    slide = SlideProperties(name, when, barcode, slide_number, tray_number)
    for stack in stacks:
        write_ets(folder / f"_{name}_" / f"stack{stack.stack_id}" / "frame_t.ets", stack, threads=threads)
    tree = document(slide, stacks)
    tree += bytes(-len(tree) % 8)
    page = np.full((64, 96, 3), 240, np.uint8) if thumbnail is None else np.ascontiguousarray(thumbnail, np.uint8)
    pages, directory = _tiff_page(page, 8 + len(tree))
    path = folder / f"{name}.vsi"
    path.write_bytes(b"II*\0" + struct.pack("<I", directory) + tree + pages)
    return path


def _tiff_page(page: Pixels, base: int) -> tuple[bytes, int]:
    """An uncompressed RGB page laid out from the absolute offset `base`, and the offset of its directory."""
    height, width = page.shape[:2]
    out = bytearray(page.tobytes())
    out += bytes(-len(out) % 4)
    bits_at = base + len(out)
    out += struct.pack("<4H", 8, 8, 8, 0)
    resolution_at = base + len(out)
    out += struct.pack("<4I", 96, 1, 96, 1)
    directory = base + len(out)
    short, long, rational = 3, 4, 5
    entries = [
        (254, long, 1, 0),
        (256, long, 1, width),
        (257, long, 1, height),
        (258, short, 3, bits_at),
        (259, short, 1, 1),
        (262, short, 1, 2),
        (273, long, 1, base),
        (277, short, 1, 3),
        (278, long, 1, height),
        (279, long, 1, page.nbytes),
        (282, rational, 1, resolution_at),
        (283, rational, 1, resolution_at + 8),
        (284, short, 1, 1),
        (296, short, 1, 2),
    ]
    out += struct.pack("<H", len(entries))
    out += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return bytes(out + bytes(4)), directory
