"""Shows a picture in the colours of another laboratory, so that no class is known by the look of its source."""

import cv2
import numpy as np
import numpy.typing as npt

from services.analysis.pixels import Rgb

_DENSITY = (-np.log((np.arange(256) + 1) / 256)).astype(np.float32)
_GLASS_PERCENTILE = 5
_LEAST_GAIN, _GREATEST_GAIN = 0.3, 3.0
_LEAST_CONTRAST = 0.02


def in_the_look_of(image: Rgb, reference: Rgb) -> Rgb:
    """The image with the optical densities that glass and cells have in the reference, colour by colour.

    Contrast within a cell is kept in proportion. The density of the cells is the median of what is darker than Otsu's
    threshold in green, where haemoglobin and both stains absorb.
    """
    glass, cells = _levels(image)
    wanted_glass, wanted_cells = _levels(reference)
    contrast = np.maximum(cells - glass, _LEAST_CONTRAST)
    gain = np.clip((wanted_cells - wanted_glass) / contrast, _LEAST_GAIN, _GREATEST_GAIN)
    density = wanted_glass + gain * (_DENSITY[image] - glass)
    return np.asarray(np.clip(256 * np.exp(-density) - 1, 0, 255), np.uint8)


def _levels(image: Rgb) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The optical density of glass and of cells, for each colour."""
    green = np.ascontiguousarray(image[..., 1])
    threshold = cv2.threshold(green, 0, 255, cv2.THRESH_OTSU)[0]
    stained = image[green <= threshold]
    glass = np.percentile(image.reshape(-1, 3), 100 - _GLASS_PERCENTILE, axis=0).astype(np.uint8)
    cells = np.median(stained, axis=0).astype(np.uint8) if len(stained) else glass
    return _DENSITY[glass], _DENSITY[cells]
