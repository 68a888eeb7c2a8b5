"""One image stack of a slide: what is scanned, and how it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal, Protocol

from services.simulator.vsi.mosaic import BlockMosaic

Codec = Literal["jpeg", "jpeg2000"]


class Image(Protocol):
    """H x W x 3 uint8 pixels that can be sliced, such as an ndarray or a memmap."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, key: Any, /) -> Any: ...


class StackKind(IntEnum):
    """What a stack shows (field 2074)."""

    MAIN = 0
    OVERVIEW = 1
    MASK = 2
    FOCUS_MAP = 4
    EFI = 64
    LABEL = 256
    FOCUS_POINTS = 1024


@dataclass(frozen=True)
class Stack:
    """One `stack<ID>` folder: scanners number the label 1, the overview 10000 and the scans from 10001.

    `image` is H x W x 3 uint8, or a `BlockMosaic` for films of gigapixels. With `planes` (z-planes, each shaped as
    `image`), they are stored in place of `image`. `origin` is the tile origin, at most 0 on each axis: pixel (0, 0)
    lies at (-x, -y) of the tile grid. `skip_blank` leaves out tiles that are background throughout.

    Raises:
        ValueError: the fields do not describe a stack that can be written.
    """

    stack_id: int
    name: str
    kind: StackKind
    image: Image | BlockMosaic
    um_per_px: float = 0.137
    magnification: float | None = 40.0
    objective: str = "UPLXAPO40X"
    numerical_aperture: float = 0.95
    codec: Codec = "jpeg"
    quality: int = 90
    skip_blank: bool = False
    origin: tuple[int, int] = (0, 0)
    planes: Sequence[Image] | None = None
    z_step_um: float = 1.0
    tile: int = 512
    background: tuple[int, int, int] = (255, 255, 255)
    stage_origin_um: tuple[float, float] = (0.0, 0.0)
    exposure_us: int = 120
    created: datetime | None = None

    def __post_init__(self) -> None:
        if len(self.image.shape) != 3 or self.image.shape[2] != 3 or 0 in self.image.shape:
            raise ValueError(f"stack{self.stack_id}: image must be height x width x 3, not {self.image.shape}")
        if self.tile < 64 or self.tile % 16:
            raise ValueError(f"stack{self.stack_id}: tile {self.tile} must be a multiple of 16, at least 64")
        if max(self.origin) > 0:
            raise ValueError(f"stack{self.stack_id}: tile origin {self.origin} must be at most 0")
        if any(plane.shape != self.image.shape for plane in self.planes or ()):
            raise ValueError(f"stack{self.stack_id}: every z-plane must be shaped as the image, {self.image.shape}")
        if isinstance(self.image, BlockMosaic):
            self._check_mosaic(self.image)

    def _check_mosaic(self, mosaic: BlockMosaic) -> None:
        if self.planes is not None or self.origin != (0, 0):
            raise ValueError(f"stack{self.stack_id}: a mosaic takes neither z-planes nor a tile origin")
        if mosaic.block % self.tile or (mosaic.block // self.tile).bit_count() != 1:
            raise ValueError(f"stack{self.stack_id}: blocks of {mosaic.block} px are no power of two of {self.tile}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.image.shape[1]), int(self.image.shape[0])

    @property
    def depth(self) -> int:
        """Number of z-planes."""
        return 1 if self.planes is None else len(self.planes)
