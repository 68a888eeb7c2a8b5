"""The film as one picture of about 1 µm per pixel, read block by block from the pyramid level that lies nearest."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from services.ingestion.slides.slide import Pixels, Slide

TARGET_UM_PER_PX = 1.0
COARSEST_UM_PER_PX = 1.25
"""A red cell then still spans six pixels; a pyramid that halves always has a level between this and half of it."""

CELL_PX = 8
"""Side of a map cell in raster pixels: about 8 µm, one red cell."""

HALO_PX = 3 * CELL_PX
"""Read around each block, so that a nucleus on its border (at most 20 µm across) is seen whole once."""

_BLOCK_READ_PX = 2048


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the raster, in raster pixels, without its halo."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Raster:
    """`level` of the slide with `reduction` x `reduction` of its pixels averaged into one of `um_per_px` µm."""

    slide: Slide
    level: int
    reduction: int
    um_per_px: float
    width: int
    height: int

    @property
    def map_shape(self) -> tuple[int, int]:
        """Rows and columns of map cells."""
        return -(-self.height // CELL_PX), -(-self.width // CELL_PX)

    @property
    def cell_um(self) -> float:
        """Side of a map cell."""
        return CELL_PX * self.um_per_px

    def blocks(self) -> Iterator[Block]:
        """The whole raster, row by row, in blocks of whole map cells."""
        side = _BLOCK_READ_PX // self.reduction // CELL_PX * CELL_PX
        for y in range(0, self.height, side):
            for x in range(0, self.width, side):
                yield Block(x, y, min(side, self.width - x), min(side, self.height - y))

    def read(self, x: int, y: int, width: int, height: int) -> Pixels:
        """A part of the raster; beyond the slide it is background. Raises SlideError."""
        factor = self.reduction
        pixels = self.slide.read_region(x * factor, y * factor, width * factor, height * factor, self.level)
        if factor == 1:
            return pixels
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def raster(slide: Slide) -> Raster:
    """The raster of a slide; coarser than `COARSEST_UM_PER_PX` only where the scan itself is."""
    sizes = [slide.um_per_px * level.downsample for level in slide.levels]
    number = max((i for i, size in enumerate(sizes) if size <= COARSEST_UM_PER_PX), default=0)
    reduction = max(1, round(TARGET_UM_PER_PX / sizes[number]))
    level = slide.levels[number]
    width, height = -(-level.width // reduction), -(-level.height // reduction)
    return Raster(slide, number, reduction, sizes[number] * reduction, width, height)
