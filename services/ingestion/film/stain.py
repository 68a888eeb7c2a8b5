"""Colour deconvolution with the stain vectors of the film at hand.

Optical density of a stained film is a mixture of two vectors: what one layer of red cells absorbs (eosin), and what a
nucleus absorbs (hematoxylin or azure). Both, and the white of the glass, are measured on the film, so that neither the
stain (May–Grünwald–Giemsa, Giemsa, Wright) nor the white balance matters. The mixture is solved with the red cells'
own colour scatter as metric: two vectors may then lie close together and still be told apart.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

LAYER = 64
"""Value of `Separated.layers` for one layer of red cells."""

NUCLEUS = 128
"""Value of `Separated.nuclear` for the typical nucleus of the film."""

_DENSITY_STEPS = 100
"""Optical density is kept in steps of 0.01, which reach 2.55."""


@dataclass(frozen=True, slots=True)
class Separated:
    """What a picture holds of each stain, height x width uint8: layers of red cells, and nuclear stain."""

    layers: Pixels
    nuclear: Pixels


@dataclass(frozen=True)
class Stain:
    """White of the glass (RGB, 0–255); decadic optical densities (RGB) of one red-cell layer and of a nucleus.

    `scatter` is the 3 x 3 covariance of red-cell colour about its vector; `nuclei_seen` says whether the nuclear vector
    was measured on this film, or taken from the atlas because its sample holds no nucleus.
    """

    white: Floats
    erythrocyte: Floats
    nucleus: Floats
    scatter: Floats
    nuclei_seen: bool

    @cached_property
    def nuclear_weights(self) -> Floats:
        """Optical density (RGB) to nuclear stain: 0 along the red cells' vector, 1 at the nucleus."""
        vectors = np.stack([self.erythrocyte, self.nucleus], axis=1)
        weighted = vectors.T @ np.linalg.inv(self.scatter)
        return np.asarray(np.linalg.solve(weighted @ vectors, weighted)[1], np.float32)

    @cached_property
    def layer_weights(self) -> Floats:
        """Optical density (RGB) to layers of red cells, where there is no nucleus."""
        return np.asarray(self.erythrocyte / (self.erythrocyte @ self.erythrocyte), np.float32)

    @cached_property
    def _density_table(self) -> NDArray[np.uint8]:
        values = np.arange(256, dtype=np.float32)[:, None]
        steps = optical_density(values, self.white) * _DENSITY_STEPS
        return np.clip(np.rint(steps), 0, 255).astype(np.uint8).reshape(1, 256, 3)

    def separate(self, rgb: Pixels) -> Separated:
        """Layers and nuclear stain of a picture (height x width x 3)."""
        densities = cv2.LUT(rgb, self._density_table)
        weights = np.stack([self.layer_weights * LAYER, self.nuclear_weights * NUCLEUS])
        mixed, nuclear = cv2.split(cv2.transform(densities, weights / _DENSITY_STEPS))
        # Subtracted after saturation at 0: noise of the nuclear stain must not thin out red cells.
        in_layers = float(self.layer_weights @ self.nucleus) * LAYER / NUCLEUS
        layers = cv2.addWeighted(mixed, 1.0, nuclear, -in_layers, 0.0)
        return Separated(np.asarray(layers, np.uint8), np.asarray(nuclear, np.uint8))


def optical_density(values: Floats, white: Floats) -> Floats:
    """Decadic optical density against white, never negative; values and white 0–255."""
    return np.asarray(np.maximum(np.log10(np.maximum(white, 1.0)) - np.log10(np.maximum(values, 1.0)), 0), np.float32)
