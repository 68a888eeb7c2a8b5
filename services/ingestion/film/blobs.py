"""Size and shape of the blobs of a mask, from their moments."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shape:
    """Blobs, one row each: centre (µm), area (µm²), mean and scatter of nuclear stain (1 = typical nucleus),
    length by width, and `compactness`, the area against that of an even ellipse of the same spread (1 = even).
    """

    x_um: Column
    y_um: Column
    area_um2: Column
    density: Column
    scatter: Column
    elongation: Column
    compactness: Column


@dataclass(frozen=True, slots=True)
class Blobs:
    """Stained pixels of all blobs: the blob's number (0 to count - 1), the pixel's centre, and its nuclear stain."""

    number: NDArray[np.int32]
    count: int
    x: Doubles
    y: Doubles
    stain: Doubles

    def shapes(self, um_per_px: float) -> Shape:
        """The shape of every blob; a number without pixels has area 0."""
        pixels = np.bincount(self.number, minlength=self.count).astype(np.float64)
        x, y, density = self._mean(self.x), self._mean(self.y), self._mean(self.stain)
        long, short = self._axes(x, y)
        columns = (
            x * um_per_px,
            y * um_per_px,
            pixels * um_per_px**2,
            density,
            np.sqrt(np.maximum(self._mean(self.stain**2) - density**2, 0)),
            np.sqrt(long / short),
            pixels / (4 * np.pi * np.sqrt(long * short)),
        )
        return Shape(*(column.astype(np.float32) for column in columns))

    def _axes(self, x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
        """Variances along the longest and the shortest axis, in px²; a pixel's own is 1/12."""
        dx, dy = self.x - x[self.number], self.y - y[self.number]
        xx, yy, xy = self._mean(dx * dx) + 1 / 12, self._mean(dy * dy) + 1 / 12, self._mean(dx * dy)
        half = np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
        return (xx + yy) / 2 + half, np.maximum((xx + yy) / 2 - half, 1 / 12)

    def _mean(self, values: Doubles) -> Doubles:
        pixels = np.bincount(self.number, minlength=self.count)
        return np.asarray(np.bincount(self.number, values, self.count) / np.maximum(pixels, 1), np.float64)
