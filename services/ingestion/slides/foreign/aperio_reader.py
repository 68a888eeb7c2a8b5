"""SVS: OpenSlide knows its metadata and levels, libvips decodes its tiles after they were checked.

OpenSlide shows a tile whose JPEG breaks off as a grey patch.
"""

from pathlib import Path

import pyvips

from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.foreign.facts import SlideFacts
from services.ingestion.slides.foreign.openslide_reader import OpenSlideReader
from services.ingestion.slides.foreign.vips_levels import MAX_PAGES, VipsLevels, load_page
from services.ingestion.slides.slide import Pixels, Region


class AperioReader:
    """An SVS file. Raises SlideDamaged, SlideUnsupported."""

    def __init__(self, path: Path, um_per_px: float | None) -> None:
        self.facts = OpenSlideReader(path, um_per_px).facts
        self._levels = VipsLevels(path, _pages(path, self.facts), self.facts.background)

    def read(self, region: Region) -> Pixels:
        """(height, width, 3) uint8. Raises SlideDamaged."""
        return self._levels.read(region)


def _pages(path: Path, facts: SlideFacts) -> list[pyvips.Image]:
    """The page of each level, found by its size: label and macro lie between them."""
    count = min(int(load_page(path).get("n-pages")), MAX_PAGES)
    sizes: dict[tuple[int, int], pyvips.Image] = {}
    for page in (load_page(path, page=number) for number in range(count)):
        sizes.setdefault((page.width, page.height), page)
    wanted = [(width, height) for width, height, _ in facts.levels]
    if any(size not in sizes for size in wanted):
        raise SlideDamaged(path.name, f"its pages lack one of the levels {wanted}")
    return [sizes[size] for size in wanted]
