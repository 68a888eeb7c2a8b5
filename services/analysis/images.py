"""Image files, read with libvips: PNG, JPEG, WebP and TIFF, of any size."""

import stat
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from services.analysis.errors import ImageUnreadable
from services.analysis.pixels import Rgb

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"})
_WHITE = 255
_COLOURS = 3
_SAVE = "save it as RGB with 8 bits"

# Glass is bright: in 16 bits, a picture that is darker than this everywhere was stored in fewer (14 at most).
_DARKEST = 1 << 14

# A page that is so much smaller than the first, and has its shape but for the rounding of pixels, is the same picture.
_LEAST_REDUCTION, _ROUNDED = 1.5, 2


class ImageFile:
    """The one picture of a file as 8-bit RGB, transparent parts white; pixels are decoded when asked for.

    A picture that does not decode whole raises ImageUnreadable: no part of it is made up. So does one whose colours
    can only be guessed: grey, floating point, or of fewer bits than its file has; and a file of several pictures.
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
            self._stored = _load(self.name)
            self._require_one()
            self._require_colour()
            self._image = _rgb(self._stored)
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
        """Decode every pixel once. Raises ImageUnreadable when that fails, or when 16 bits hold fewer."""
        try:
            if self._stored.format == "uchar":
                self._image.avg()
                return
            brightest = int(self._stored.extract_band(0, n=3).max())
        except pyvips.Error as error:
            raise self._unreadable(error) from error
        if brightest < _DARKEST:
            raise ImageUnreadable(
                f"{self.name}: its brightest value is {brightest} of 65535, as when a camera of "
                f"{brightest.bit_length()} bits writes 16: {_SAVE}"
            )

    def read_region(self, x: int, y: int, width: int, height: int, level: int = 0) -> Rgb:
        """Pixels, uint8 height x width x 3. Raises ImageUnreadable."""
        if level:
            raise ValueError(f"an image file has level 0 only, not {level}")
        try:
            content = self._image.crop(x, y, width, height).write_to_memory()
        except pyvips.Error as error:
            raise self._unreadable(error) from error
        return np.frombuffer(content, np.uint8).reshape(height, width, 3)

    def _require_one(self) -> None:
        pages = self._stored.get("n-pages") if self._stored.get_typeof("n-pages") else 1
        if pages > 1 and not all(self._is_reduction(_load(self.name, page=page)) for page in range(1, pages)):
            raise ImageUnreadable(
                f"{self.name}: holds {pages} pictures, of which only the first would be read: save each as its own file"
            )

    def _is_reduction(self, page: Any) -> bool:
        """Whether a page is a level of a pyramid: smaller than the picture, and of its shape."""
        times = self._stored.width / page.width
        return bool(times >= _LEAST_REDUCTION and abs(self._stored.height / times - page.height) <= _ROUNDED)

    def _require_colour(self) -> None:
        stored = self._stored
        if stored.format not in ("uchar", "ushort"):
            raise ImageUnreadable(
                f"{self.name}: its values are {stored.format}, whose brightness is not known: {_SAVE}"
            )
        if stored.bands - stored.hasalpha() < _COLOURS:
            raise ImageUnreadable(
                f"{self.name}: a grey picture, and the colours of the stain tell cells apart: give it in colour, "
                "as the microscope saw it"
            )

    def _unreadable(self, error: Exception) -> ImageUnreadable:
        told = str(error).split("\n  ")
        cause = next((part.strip() for part in told[1:] if part.strip()), "") or self._claimed_size() or told[0].strip()
        advice = "check that it may be read and is a whole PNG, JPEG, WebP or TIFF"
        return ImageUnreadable(f"{self.name}: cannot be read as an image ({cause}): {advice}")

    def _claimed_size(self) -> str:
        """What a PNG says of its size: libvips refuses an impossible one without a word."""
        try:
            with Path(self.name).open("rb") as file:
                head = file.read(24)
        except OSError:
            return ""
        if len(head) < 24 or not head.startswith(b"\x89PNG") or head[12:16] != b"IHDR":
            return ""
        width, height = struct.unpack(">II", head[16:24])
        return f"its header claims {width} x {height} px"


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


def _load(name: str, **options: int) -> Any:
    return pyvips.Image.new_from_file(name, access="random", fail_on="truncated", **options)


def _rgb(image: Any) -> Any:
    image = image.colourspace("srgb")
    return image.flatten(background=_WHITE) if image.hasalpha() else image
