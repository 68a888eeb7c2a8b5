"""The levels of a tiled TIFF, decoded by libvips once their JPEG tiles are known to be whole."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyvips

from services.ingestion.slides.errors import SlideDamaged, SlideUnsupported
from services.ingestion.slides.foreign.jpeg_tiles import jpeg_tiles
from services.ingestion.slides.positioned import PositionedFile
from services.ingestion.slides.slide import Pixels, Region

MAX_PAGES = 64


def load_page(path: Path, **place: int) -> pyvips.Image:
    """One page (and `subifd`) of a TIFF, opened but not read. Raises SlideDamaged."""
    try:
        return pyvips.Image.tiffload(str(path), access="random", fail_on="warning", **place)
    except pyvips.Error as error:
        raise SlideDamaged(path.name, f"libvips cannot open it ({_first_line(error)})") from error


def require_brightfield(path: Path, image: pyvips.Image) -> None:
    """Raises SlideUnsupported unless the pixels are RGB with 8 bits."""
    if image.bands != 3 or image.format != "uchar":
        problem = f"has {image.bands} bands of {image.format}, not RGB with 8 bits"
        raise SlideUnsupported(path.name, problem, "Export the brightfield scan as RGB with 8 bits.")


class VipsLevels:
    """The levels of one slide, finest first, opened but not read. `background` is the colour outside them."""

    def __init__(self, path: Path, levels: Sequence[pyvips.Image], background: tuple[int, int, int]) -> None:
        for level in levels:
            require_brightfield(path, level)
        self._path = path
        self._levels = levels
        self._background = np.array(background, np.uint8)
        self._file = PositionedFile(path, path.name)
        self._tiles = jpeg_tiles(self._file, [(level.width, level.height) for level in levels])

    def read(self, region: Region) -> Pixels:
        """(height, width, 3) uint8. Raises SlideDamaged."""
        level, tiles = self._levels[region.level], self._tiles[region.level]
        pixels = np.empty((region.height, region.width, 3), np.uint8)
        pixels[:] = self._background
        left, right = max(region.x, 0), min(region.x + region.width, level.width)
        top, bottom = max(region.y, 0), min(region.y + region.height, level.height)
        if left < right and top < bottom:
            if tiles is not None:
                tiles.check(region)
            try:
                found = level.crop(left, top, right - left, bottom - top).numpy()
            except pyvips.Error as error:
                problem = f"level {region.level} at ({left}, {top}) cannot be read whole ({_first_line(error)})"
                raise SlideDamaged(self._path.name, problem) from error
            pixels[top - region.y : bottom - region.y, left - region.x : right - region.x] = found
        return pixels


def _first_line(error: pyvips.Error) -> str:
    return str(error.detail or error.message).strip().split("\n")[0]
