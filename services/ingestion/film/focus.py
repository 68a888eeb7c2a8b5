"""How blurred cell edges are, whatever their contrast and stain.

The gradient energy of an edge blurred by a Gaussian of width σ falls as 1/σ. Blurring once more by a known s multiplies
it by sqrt(σ² / (σ² + s²)): the ratio of the two energies gives σ, and contrast cancels.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SECOND_BLUR_PX = 1.5
_OWN_BLUR_PX = 0.45
"""What the pixel and the 3 x 3 gradient add by themselves."""

WIDEST_PX = 8.0

STEPS_PER_UM = 64
"""Maps of blur are uint8 in steps of 1/64 µm and reach 4 µm."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Squared gradients of a picture as it is, and blurred once more; same shape as the picture."""

    sharp: Floats
    softened: Floats


def edges(grey: NDArray[np.uint8]) -> Edges:
    """The gradient energies of a picture (height x width)."""
    return Edges(_energy(grey), _energy(cv2.GaussianBlur(grey, (0, 0), SECOND_BLUR_PX)))


def blur_px(sharp: Floats, softened: Floats) -> Floats:
    """Width σ of the edges in pixels from pooled energies, 0 to WIDEST_PX; WIDEST_PX where there is no edge at all."""
    ratio = sharp / np.maximum(softened, 1e-3)
    variance = SECOND_BLUR_PX**2 / np.maximum(ratio**2 - 1, 1e-3) - _OWN_BLUR_PX**2
    return np.clip(np.sqrt(np.maximum(variance, 0)), 0, WIDEST_PX).astype(np.float32)


def in_steps(blur_um: Floats) -> NDArray[np.uint8]:
    """A map of blur."""
    return np.clip(np.rint(blur_um * STEPS_PER_UM), 0, 255).astype(np.uint8)


def _energy(grey: NDArray[np.uint8]) -> Floats:
    across, down = cv2.spatialGradient(grey)
    energy = cv2.multiply(across, across, dtype=cv2.CV_32F)
    energy += cv2.multiply(down, down, dtype=cv2.CV_32F)
    return np.asarray(energy, np.float32)
