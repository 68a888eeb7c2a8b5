"""OME-TIFF and plain tiled TIFF, through libvips."""

from pathlib import Path

import pyvips

from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.foreign.facts import SlideFacts, moment, pixel_size
from services.ingestion.slides.foreign.ome import ome_image
from services.ingestion.slides.foreign.vips_levels import VipsLevels, load_page
from services.ingestion.slides.slide import Pixels, Region

_MAX_LEVELS = 24
# Below this many pixels per mm a resolution is that of a screen or a printer.
_LEAST_RESOLUTION = 50


class VipsReader:
    """A TIFF open in libvips; `description` is the text of its first page.

    Raises:
        SlideDamaged: libvips cannot open it, or what it finds is not what the description says.
        SlideUnsupported: it is not RGB with 8 bits, its pixel size is not known, or the scan must be named.
    """

    def __init__(self, path: Path, description: str, scene: str | None, um_per_px: float | None) -> None:
        image = ome_image(path.name, description, scene) if "<OME" in description else None
        page = image.page if image else 0
        base = load_page(path, page=page)
        if image is not None and (base.width, base.height) != image.size:
            problem = f"page {page} is {base.width} x {base.height} px, its OME-XML says {image.size}"
            raise SlideDamaged(path.name, problem)
        levels = [base, *_reduced(path, base, page)]
        across, down = (image.um_per_px if image else _resolution(base)) or (None, None)
        self.facts = SlideFacts(
            format="ome-tiff" if image else "tiff",
            levels=tuple((level.width, level.height, base.width / level.width) for level in levels),
            um_per_px=pixel_size(path.name, across, down, um_per_px),
            scanned_at=moment(image.acquired, "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S") if image else None,
        )
        self._levels = VipsLevels(path, levels, self.facts.background)

    def read(self, region: Region) -> Pixels:
        """(height, width, 3) uint8. Raises SlideDamaged."""
        return self._levels.read(region)


def _reduced(path: Path, base: pyvips.Image, page: int) -> list[pyvips.Image]:
    """The smaller levels: sub-directories, as OME-TIFF has them. Those that do not shrink alike are left out."""
    count = int(base.get("n-subifds")) if base.get_typeof("n-subifds") else 0
    kept, width = [], base.width
    for number in range(min(count, _MAX_LEVELS)):
        level = load_page(path, page=page, subifd=number)
        if level.width < width and abs(level.width / base.width - level.height / base.height) < 0.01:
            kept.append(level)
            width = level.width
    return kept


def _resolution(image: pyvips.Image) -> tuple[float, float] | None:
    """Pixel sizes in µm from the resolution tags, which libvips gives as pixels per mm."""
    if not image.get_typeof("resolution-unit") or min(image.xres, image.yres) < _LEAST_RESOLUTION:
        return None
    return 1000.0 / image.xres, 1000.0 / image.yres
