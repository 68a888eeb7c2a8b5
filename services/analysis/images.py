"""Image files, read with libvips: PNG, JPEG, WebP and TIFF, of any size."""

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from services.analysis.errors import ImageUnreadable
from services.analysis.pixels import Rgb

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"})
_WHITE = 255


class ImageFile:
    """The (first) picture of a file as 8-bit RGB, transparent parts white; pixels are decoded when asked for.

    A picture that does not decode whole raises ImageUnreadable: no part of it is made up.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        try:
            regular = stat.S_ISREG(path.stat().st_mode)
        except OSError as error:
            raise ImageUnreadable(f"{self.name}: {error.strerror}: check its name and place") from error
        if not regular:
            raise ImageUnreadable(f"{self.name}: a pipe or a device: give an image file")
        try:
            self._image = _rgb(pyvips.Image.new_from_file(self.name, access="random", fail_on="truncated"))
        except pyvips.Error as error:
            raise self._unreadable(error) from error
        if self._image.bands != 3 or self._image.format != "uchar":
            raise ImageUnreadable(
                f"{self.name}: {self._image.bands} bands of {self._image.format}, not a colour picture: "
                "save it as RGB with 8 bits"
            )

    @property
    def width(self) -> int:
        return int(self._image.width)

    @property
    def height(self) -> int:
        return int(self._image.height)

    def check(self) -> None:
        """Decode every pixel once. Raises ImageUnreadable when that fails."""
        try:
            self._image.avg()
        except pyvips.Error as error:
            raise self._unreadable(error) from error

    def read_region(self, x: int, y: int, width: int, height: int, level: int = 0) -> Rgb:
        """Pixels, uint8 height x width x 3. Raises ImageUnreadable."""
        if level:
            raise ValueError(f"an image file has level 0 only, not {level}")
        try:
            content = self._image.crop(x, y, width, height).write_to_memory()
        except pyvips.Error as error:
            raise self._unreadable(error) from error
        return np.frombuffer(content, np.uint8).reshape(height, width, 3)

    def _unreadable(self, error: Exception) -> ImageUnreadable:
        cause = next(iter(str(error).split("\n  ")[1:]), str(error)).strip()
        advice = "check that it may be read and is a whole PNG, JPEG, WebP or TIFF"
        return ImageUnreadable(f"{self.name}: cannot be read as an image ({cause}): {advice}")


def find_images(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as given; of a folder all images under it, sorted.

    Raises ImageUnreadable for a path that is not there and for a folder without images.
    """
    for path in paths:
        if not path.exists():
            raise ImageUnreadable(f"{path}: there is no such file or folder: check its name")
        if not path.is_dir():
            yield path
            continue
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        if not found:
            raise ImageUnreadable(
                f"{path}: no image in this folder: give one with images that end in {', '.join(sorted(SUFFIXES))}"
            )
        yield from found


def _rgb(image: Any) -> Any:
    image = image.colourspace("srgb")
    return image.flatten(background=_WHITE) if image.hasalpha() else image
