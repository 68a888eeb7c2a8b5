"""The size of tiles and the resolution they are cut at. Every length of the domain is in µm."""

from dataclasses import dataclass

CANONICAL_UM_PER_PX = 0.137
"""The VS200's 40× scan, which is therefore not resampled."""

CORE_PX = 1024
MARGIN_PX = 64
TILE_PX = CORE_PX + 2 * MARGIN_PX

CORE_UM = CORE_PX * CANONICAL_UM_PER_PX
"""Side of a field: cores of neighbouring fields touch, so that each cell's centre lies in exactly one."""

SAME_RESOLUTION = 0.01
"""Relative difference from the canonical resolution up to which a scan is cut without resampling."""


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle on the slide, in µm from the scan's top left corner."""

    x_um: float
    y_um: float
    width_um: float
    height_um: float

    @property
    def centre_um(self) -> tuple[float, float]:
        return self.x_um + self.width_um / 2, self.y_um + self.height_um / 2


def is_canonical(um_per_px: float) -> bool:
    """Whether pixels of this size are cut as they are."""
    return abs(um_per_px / CANONICAL_UM_PER_PX - 1) <= SAME_RESOLUTION
