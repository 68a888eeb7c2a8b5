"""OME-TIFF and plain tiled TIFF, through libvips."""

from pathlib import Path

import numpy as np
import pyvips

from services.ingestion.slides.errors import SlideDamaged, SlideUnsupported
from services.ingestion.slides.foreign.facts import SlideFacts, moment, pixel_size
from services.ingestion.slides.foreign.ome import ome_image
from services.ingestion.slides.regions import Region
from services.ingestion.slides.slide import Pixels

_WHITE = 255


class VipsReader:
    """A TIFF open in libvips; `description` is the text of its first page.

    Raises:
        SlideDamaged: libvips cannot open it, or what it finds is not what the description says.
        SlideUnsupported: it is not RGB with 8 bits, its pixel size is not known, or the scan must be named.
    """

    def __init__(self, path: Path, description: str, scene: str | None, um_per_px: float | None) -> None:
        self._path = path
        image = ome_image(path.name, description, scene) if "<OME" in description else None
        page = image.page if image else 0
        base = self._load(page=page)
        if image is not None and (base.width, base.height) != image.size:
            problem = f"page {page} is {base.width} x {base.height} px, its OME-XML says {image.size}"
            raise SlideDamaged(path.name, problem)
        self._levels = [base, *self._reduced(base, page)]
        stated = image.um_per_px if image else _resolution(base)
        across, down = stated or (None, None)
        self.facts = SlideFacts(
            format="ome-tiff" if image else "tiff",
            levels=tuple((level.width, level.height, base.width / level.width) for level in self._levels),
            um_per_px=pixel_size(path.name, across, down, um_per_px),
            scanned_at=moment(image.acquired, "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S") if image else None,
        )

    def read(self, region: Region) -> Pixels:
        """(height, width, 3) uint8. Raises SlideDamaged."""
        level = self._levels[region.level]
        pixels = np.full((region.height, region.width, 3), _WHITE, np.uint8)
        left, right = max(region.x, 0), min(region.x + region.width, level.width)
        top, bottom = max(region.y, 0), min(region.y + region.height, level.height)
        if left < right and top < bottom:
            try:
                found = level.crop(left, top, right - left, bottom - top).numpy()
            except pyvips.Error as error:
                problem = f"level {region.level} at ({left}, {top}) cannot be read whole ({_first_line(error)})"
                raise SlideDamaged(self._path.name, problem) from error
            pixels[top - region.y : bottom - region.y, left - region.x : right - region.x] = found
        return pixels

    def _reduced(self, base: pyvips.Image, page: int) -> list[pyvips.Image]:
        """The smaller levels: sub-directories as OME-TIFF has them. Levels that do not shrink are left out."""
        count = int(base.get("n-subifds")) if base.get_typeof("n-subifds") else 0
        levels = [self._load(page=page, subifd=number) for number in range(min(count, 24))]
        kept, width = [], base.width
        for level in levels:
            if level.width < width and abs(level.width / base.width - level.height / base.height) < 0.01:
                kept.append(level)
                width = level.width
        return kept

    def _load(self, **options: int) -> pyvips.Image:
        try:
            image = pyvips.Image.tiffload(str(self._path), access="random", fail_on="warning", **options)
        except pyvips.Error as error:
            raise SlideDamaged(self._path.name, f"libvips cannot open it ({_first_line(error)})") from error
        if image.bands != 3 or image.format != "uchar":
            problem = f"has {image.bands} bands of {image.format}, not RGB with 8 bits"
            raise SlideUnsupported(self._path.name, problem)
        return image


def _resolution(image: pyvips.Image) -> tuple[float, float] | None:
    """Pixel sizes in µm from the resolution tags (libvips gives pixels/mm); a screen's resolution is none."""
    if not image.get_typeof("resolution-unit") or image.xres < 50 or image.yres < 50:
        return None
    return 1000.0 / image.xres, 1000.0 / image.yres


def _first_line(error: pyvips.Error) -> str:
    return str(error.detail or error.message).strip().split("\n")[0]
