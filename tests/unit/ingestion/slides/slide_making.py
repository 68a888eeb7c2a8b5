"""Slides as a scanner writes them, small and alike enough to be compared pixel by pixel."""

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from services.simulator.vsi import Stack, StackKind, write_slide

# A pixel file names the place of its tile table, and the number of its records, here; a record is of so many bytes.
TABLE_AT, COUNT_AT, RECORD = 32, 40, 36

CREATED = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A picture full of soft detail, different for each seed."""
    noise = np.random.default_rng(seed).integers(0, 255, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def label() -> Stack:
    return Stack(1, "Label", StackKind.LABEL, picture(90, 70, 1), um_per_px=20, magnification=None, tile=128)


def overview() -> Stack:
    return Stack(10000, "Overview", StackKind.OVERVIEW, picture(200, 80, 2), um_per_px=8, magnification=2, tile=128)


def scan(image: Any, **fields: Any) -> Stack:
    return Stack(
        **{"stack_id": 10001, "name": "40x_BF_01", "kind": StackKind.MAIN, "image": image, "tile": 128, **fields}
    )


def make_slide(folder: Path, image: Any, *, name: str = "S26-1", barcode: str | None = "S26-1", **fields: Any) -> Path:
    """A slide with label, overview and one main scan; further fields are those of its `Stack`."""
    stacks = [label(), overview(), scan(image, **fields)]
    return write_slide(folder, name, stacks, barcode=barcode, created=CREATED)


def pixel_file(vsi: Path, stack_id: int = 10001) -> Path:
    return vsi.parent / f"_{vsi.stem}_" / f"stack{stack_id}" / "frame_t.ets"


def lose_tiles(vsi: Path, *places: tuple[int, int], level: int = 0) -> None:
    """Take tiles (column, row) of a level out of the main scan's table, as a scanner that lost them would leave it."""
    pixels = pixel_file(vsi)
    content = pixels.read_bytes()
    at, count = struct.unpack_from("<QI", content, TABLE_AT)
    rows = [content[at + n * RECORD : at + (n + 1) * RECORD] for n in range(count)]
    kept = [row for row in rows if struct.unpack_from("<4i", row, 4) not in [(*place, 0, level) for place in places]]
    assert len(kept) == count - len(places)
    pixels.write_bytes(content[:at] + b"".join(kept))
    patch(pixels, COUNT_AT, struct.pack("<I", len(kept)))


def damage_tiles(vsi: Path, level: int) -> None:
    """Overwrite the middle of every tile of a level of the main scan."""
    pixels = pixel_file(vsi)
    content = bytearray(pixels.read_bytes())
    at, count = struct.unpack_from("<QI", content, TABLE_AT)
    for record in range(at, at + count * RECORD, RECORD):
        *_, of_level, offset, length = struct.unpack_from("<I4iQI", content, record)
        if of_level == level:
            content[offset + 2 : offset + length - 20] = b"\xa5" * (length - 22)
    pixels.write_bytes(content)


def patch(path: Path, offset: int, data: bytes) -> None:
    """Overwrite bytes in place."""
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(content)
