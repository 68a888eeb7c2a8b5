"""The pixels that models see: resampling and cutting, the same when training and when running.

All models work at one canonical resolution, 0.137 µm per pixel (the 40x scan of the slide scanner, which is then not
resampled). Coordinates are in pixels, x to the right and y down; pixel ``i`` covers ``[i, i + 1)``, so that a cell of
box ``(x, y, w, h)`` has its centre at ``(x + w / 2, y + h / 2)``.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyvips

Rgb: TypeAlias = npt.NDArray[np.uint8]
"""An image: uint8, height x width x 3, red first."""

CANONICAL_UM_PER_PX = 0.137
TILE_CORE = 1024
TILE_MARGIN = 64
TILE = TILE_CORE + 2 * TILE_MARGIN
LEUKOCYTE_CROP = 192
ERYTHROCYTE_CROP = 80
PLASMODIUM_CROP = 64


def resample(image: Rgb, from_um_per_px: float, to_um_per_px: float = CANONICAL_UM_PER_PX) -> Rgb:
    """The same picture at another resolution; unchanged (not even copied) where the two agree.

    Lanczos-3 with antialiasing for finer pictures, so that they lose detail and do not gain moiré; bicubic for coarser
    ones. A position ``p`` of the input lies at ``p * from_um_per_px / to_um_per_px`` of the output.

    Raises:
        ValueError: a resolution is not positive, or the image is not uint8 height x width x 3.
    """
    if not (from_um_per_px > 0 and to_um_per_px > 0):
        raise ValueError(f"resolutions must be positive, in µm/px: got {from_um_per_px} and {to_um_per_px}")
    _require_rgb(image)
    scale = from_um_per_px / to_um_per_px
    if scale == 1:
        return image
    height, width = image.shape[:2]
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    picture = pyvips.Image.new_from_memory(np.ascontiguousarray(image).data, width, height, 3, "uchar")
    resized = _resized(picture, new_width, new_height)
    return np.frombuffer(resized.write_to_memory(), np.uint8).reshape(new_height, new_width, 3)


def _resized(picture: pyvips.Image, width: int, height: int) -> pyvips.Image:
    across, down = width / picture.width, height / picture.height
    if across < 1:
        return picture.resize(across, vscale=down, kernel="lanczos3")
    # The enlargement of `resize` lies half a pixel off (libvips 8.18); this one keeps the corners at their place.
    return picture.affine(
        (across, 0, 0, down),
        interpolate=pyvips.Interpolate.new("bicubic"),
        odx=(across - 1) / 2,
        ody=(down - 1) / 2,
        oarea=[0, 0, width, height],
        extend="copy",
    )


def region(image: Rgb, left: int, top: int, width: int, height: int) -> Rgb:
    """``width`` x ``height`` pixels from (``left``, ``top``); where that leaves the image, its edge is repeated."""
    _require_rgb(image)
    rows = np.clip(np.arange(top, top + height), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(left, left + width), 0, image.shape[1] - 1)
    return np.ascontiguousarray(image[rows[:, None], columns])


def centred_crop(image: Rgb, x: float, y: float, size: int) -> Rgb:
    """The square of ``size`` pixels around (``x``, ``y``); where it leaves the image, the edge is repeated."""
    return region(image, round(x - size / 2), round(y - size / 2), size, size)


def _require_rgb(image: Rgb) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected uint8 height x width x 3, got {image.dtype} {image.shape}")
