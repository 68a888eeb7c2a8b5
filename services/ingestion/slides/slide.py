"""What every slide offers, whatever format it was written in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class Level(NamedTuple):
    """One level of the pyramid: size in pixels, and how many pixels of level 0 one of its pixels spans.

    Read by name, or unpacked: `width, height, downsample = level`.
    """

    width: int
    height: int
    downsample: float


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of one level, in that level's pixels; it may reach outside the slide."""

    x: int
    y: int
    width: int
    height: int
    level: int


class Slide(Protocol):
    """The main scan of one slide, open for reading.

    Reads may come from several threads at once. All sizes and places are pixels of the level named.
    """

    @property
    def path(self) -> Path: ...

    @property
    def format(self) -> str:
        """Short name of the file format, such as `vsi` or `aperio`."""
        ...

    @property
    def levels(self) -> tuple[Level, ...]:
        """Finest first."""
        ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def um_per_px(self) -> float:
        """Micrometres per pixel of level 0, the same along both axes."""
        ...

    @property
    def barcode(self) -> str | None: ...

    @property
    def scanned_at(self) -> datetime | None:
        """When the scan was made; in UTC where the format says so."""
        ...

    @property
    def objective(self) -> str | None: ...

    @property
    def magnification(self) -> float | None: ...

    @property
    def planes(self) -> int:
        """Number of z-planes stored."""
        ...

    @property
    def plane(self) -> int:
        """The z-plane that is read."""
        ...

    @property
    def background(self) -> tuple[int, int, int]:
        """Colour of what lies outside the slide."""
        ...

    @property
    def missing_tiles(self) -> int:
        """Tiles of level 0 that are not stored and are read as background."""
        ...

    @property
    def suspect_tiles(self) -> int:
        """Of these, how many lie where a coarser level shows more than background: pixels were lost there."""
        ...

    def lost_tiles(self, level: int = 0) -> Sequence[Region]:
        """Places of a level that are read as background although a coarser level shows more: pixels were lost there."""
        ...

    @property
    def identity(self) -> str:
        """Equal for copies of one scan under any name, different for different scans. See the format's own account."""
        ...

    def read_region(self, x: int, y: int, width: int, height: int, level: int = 0) -> Pixels:
        """The pixels from (x, y), in that level's pixels, as (height, width, 3) uint8 RGB.

        What lies outside the slide is background.

        Raises:
            RegionRefused: a float, no such level, no size, or more pixels than `regions.MAX_PIXELS`.
            SlideDamaged: a tile that the region needs cannot be decoded whole.
            SlideUnreachable, SlideIncomplete: the file cannot be read any more.
            SlideClosed: `close` was called before.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
