"""Which regions may be asked for."""

import operator
from collections.abc import Sequence

from services.ingestion.slides.errors import RegionRefused
from services.ingestion.slides.slide import Level, Region

# 64 megapixels, 192 MiB of RGB: a caller's mistake must not take the memory of the machine.
MAX_PIXELS = 1 << 26
_FARTHEST = 1 << 40


def checked_region(name: str, levels: Sequence[Level], *numbers: int) -> Region:
    """The region asked for of the slide called `name`, by the fields of `Region` in their order.

    Raises:
        RegionRefused: a number is no integer (numpy's are), the level does not exist, the region is empty, too large or
            absurdly far away.
    """
    try:
        region = Region(*map(operator.index, numbers))
    except TypeError as error:
        raise RegionRefused(name, f"not all of {numbers} are integers", "Round to whole pixels first.") from error
    if not 0 <= region.level < len(levels):
        raise RegionRefused(name, f"there is no level {region.level}", f"Ask for one of 0 to {len(levels) - 1}.")
    if region.width < 1 or region.height < 1:
        raise RegionRefused(
            name, f"a region of {region.width} x {region.height} px is empty", "Ask for a pixel at least."
        )
    if region.width * region.height > MAX_PIXELS:
        problem = f"a region of {region.width} x {region.height} px is over the limit of {MAX_PIXELS} px at once"
        raise RegionRefused(name, problem, "Ask for parts of it, or for a coarser level.")
    if max(abs(region.x), abs(region.y)) > _FARTHEST:
        raise RegionRefused(
            name, f"({region.x}, {region.y}) lies nowhere near the slide", "Ask for pixels of that level."
        )
    return region
