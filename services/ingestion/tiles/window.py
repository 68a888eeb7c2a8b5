"""Which pixels of which pyramid level a tile is made of."""

from dataclasses import dataclass

from services.ingestion.slides.slide import Level, Slide
from services.ingestion.tiles.geometry import (
    CANONICAL_UM_PER_PX,
    SAME_RESOLUTION,
    TILE_PX,
    Region,
    is_canonical,
)


@dataclass(frozen=True, slots=True)
class Window:
    """A square of one level: its corner and side in that level's pixels of `um_per_px` µm."""

    level: int
    x: int
    y: int
    side: int
    um_per_px: float

    @property
    def region(self) -> Region:
        """Exactly the part of the slide that these pixels show."""
        side_um = self.side * self.um_per_px
        return Region(self.x * self.um_per_px, self.y * self.um_per_px, side_um, side_um)


def window(slide: Slide, core: Region) -> Window:
    """The pixels around a core, from the coarsest level that is not coarser than the tile.

    The window starts on a whole pixel, so a tile lies up to half a scan pixel off the canonical grid; `Window.region`
    says where it lies, and the margin takes up the difference.
    """
    level, um_per_px = read_level(slide.levels, slide.um_per_px)
    side = TILE_PX if is_canonical(um_per_px) else round(TILE_PX * CANONICAL_UM_PER_PX / um_per_px)
    x_um, y_um = core.centre_um
    return Window(level, round(x_um / um_per_px - side / 2), round(y_um / um_per_px - side / 2), side, um_per_px)


def read_level(levels: tuple[Level, ...], um_per_px: float) -> tuple[int, float]:
    """The level that tiles are cut from, and the µm of one of its pixels."""
    fine_enough = [
        (number, um_per_px * level.downsample)
        for number, level in enumerate(levels)
        if um_per_px * level.downsample <= CANONICAL_UM_PER_PX * (1 + SAME_RESOLUTION)
    ]
    return fine_enough[-1] if fine_enough else (0, um_per_px)
