"""Random changes of a picture that leave its label true: stain, light, focus, resolution, compression, position.

Stain is varied in optical density along haematoxylin, eosin and residual (Ruifrok & Johnston, 2001; Tellez et al.,
2018), the range chosen to span the differences between the data sets.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from services.analysis.pixels import Rgb

_HED = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]], np.float32)
_HED_INVERSE = np.linalg.inv(_HED).astype(np.float32)
_DENSITY = (-np.log((np.arange(256) + 1) / 256)).astype(np.float32)


@dataclass(frozen=True)
class Strength:
    """How often, and how far, a picture is changed. Shares are of 1."""

    stain: float = 0.25
    """Standard deviation of the gain of each stain."""
    tint: float = 0.10
    """Standard deviation of the optical density added to each colour: white balance and light."""
    blur: float = 0.3
    coarsen: float = 0.0
    """Share of pictures brought down to a lower resolution and up again."""
    coarsest: float = 2.0
    jpeg: float = 0.2
    noise: float = 0.2


def restain(image: Rgb, rng: np.random.Generator, strength: Strength) -> Rgb:
    """Other amounts of each stain, another white balance and brightness."""
    return stained(image, np.exp(rng.normal(0, strength.stain, 3)), rng.normal(0, strength.tint, 3))


def stained(image: Rgb, gains: npt.ArrayLike, tint: npt.ArrayLike) -> Rgb:
    """With ``gains`` times haematoxylin, eosin and the rest, and the optical density ``tint`` added to R, G and B."""
    mix = _HED_INVERSE @ np.diag(np.asarray(gains, np.float32)) @ _HED
    density = cv2.transform(_DENSITY[image], mix.T) + np.asarray(tint, np.float32)
    light = 256 * cv2.exp(-np.asarray(density, np.float32)) - 1
    return np.asarray(np.clip(light, 0, 255), np.uint8)


def degrade(image: Rgb, rng: np.random.Generator, strength: Strength) -> Rgb:
    """Now and then out of focus, of lower resolution, noisy or compressed."""
    if rng.random() < strength.blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.3)), np.uint8)
    if rng.random() < strength.coarsen:
        image = coarsened(image, rng.uniform(1.0, strength.coarsest))
    if rng.random() < strength.noise:
        image = np.clip(image + rng.normal(0, rng.uniform(1, 6), image.shape), 0, 255).astype(np.uint8)
    if rng.random() < strength.jpeg:
        image = compressed(image, int(rng.integers(40, 95)))
    return image


def placement(
    centre: tuple[float, float], size: int, *, scale: float, quarter_turns: int, mirrored: bool, degrees: float = 0.0
) -> npt.NDArray[np.float64]:
    """The 2 x 3 matrix that brings ``centre`` to the middle of a picture of ``size``, scaled, turned and mirrored."""
    angle = np.deg2rad(degrees) + quarter_turns * np.pi / 2
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirrored:
        turn[:, 0] *= -1
    offset = size / 2 - turn @ np.asarray(centre)
    return np.column_stack([turn, offset])


def place(image: Rgb, matrix: npt.NDArray[np.float64], size: int) -> Rgb:
    """The picture under a placement, its edges repeated outside; pixel ``i`` covers ``[i, i + 1)`` before and after."""
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    placed = cv2.warpAffine(image, shifted, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(placed, np.uint8)


def coarsened(image: Rgb, factor: float) -> Rgb:
    """Brought down to a resolution ``factor`` times lower, and up again."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def compressed(image: Rgb, quality: int) -> Rgb:
    """As JPEG of a quality of 1 to 100 leaves it."""
    coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
