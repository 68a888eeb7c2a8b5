"""A slide in memory, behind the same protocol as the files."""

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.slide import Level, Region


class MemorySlide:
    """A picture (height x width x 3 uint8) with a pyramid that halves; `damaged` and `lost` are level-0 boxes (x, y, w, h)."""

    path = Path("memory.vsi")
    format = "memory"
    barcode = None
    scanned_at = datetime(2026, 1, 1, tzinfo=UTC)
    objective = None
    magnification = None
    planes = 1
    plane = 0
    identity = "memory"

    def __init__(self, image, um_per_px=0.137, *, background=(255, 255, 255), missing_tiles=0, damaged=(), lost=()):
        self.um_per_px = um_per_px
        self.background = background
        self.missing_tiles = missing_tiles
        self.height, self.width = image.shape[:2]
        self._damaged = damaged
        self._lost = lost
        self._pictures = [np.asarray(image)]
        while max(self._pictures[-1].shape[:2]) > 512:
            height, width = self._pictures[-1].shape[:2]
            size = (-(-width // 2), -(-height // 2))
            self._pictures.append(cv2.resize(self._pictures[-1], size, interpolation=cv2.INTER_AREA))
        self.levels = tuple(
            Level(picture.shape[1], picture.shape[0], float(2**number)) for number, picture in enumerate(self._pictures)
        )

    def read_region(self, x, y, width, height, level=0):
        scale = 2**level
        for left, top, w, h in self._damaged:
            beside = x * scale >= left + w or (x + width) * scale <= left
            above = y * scale >= top + h or (y + height) * scale <= top
            if not (beside or above):
                raise SlideDamaged("frame_t.ets", f"the tile at ({left}, {top}) cannot be decoded")
        picture = self._pictures[level]
        region = np.empty((height, width, 3), np.uint8)
        region[:] = self.background
        x0, y0 = max(x, 0), max(y, 0)
        part = picture[y0 : max(y + height, 0), x0 : max(x + width, 0)]
        region[y0 - y : y0 - y + part.shape[0], x0 - x : x0 - x + part.shape[1]] = part
        return region

    def lost_tiles(self, level=0):
        scale = 2**level
        return [Region(*(side // scale for side in box), level) for box in self._lost]

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        pass
