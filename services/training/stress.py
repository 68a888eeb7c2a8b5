"""Pictures as another laboratory might have taken them: one thing changed at a time, by a known amount.

Unlike the random changes of training, these say how far a figure falls, and with what.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from services.analysis.pixels import CANONICAL_UM_PER_PX, Rgb
from services.training.augment import coarsened, compressed, stained

_SEED = 1


@dataclass(frozen=True)
class Stress:
    """One change of a picture; ``zoom`` is by how much cells look larger, as where its µm/px is not what it is said."""

    what: str
    how: str
    change: Callable[[Rgb], Rgb] = lambda image: image
    zoom: float = 1.0


def _stains(haematoxylin: float, eosin: float, rest: float = 1.0) -> Callable[[Rgb], Rgb]:
    return lambda image: stained(image, (haematoxylin, eosin, rest), (0, 0, 0))


def _tinted(red: float, green: float, blue: float) -> Callable[[Rgb], Rgb]:
    return lambda image: stained(image, (1, 1, 1), (red, green, blue))


def _blurred(um: float) -> Callable[[Rgb], Rgb]:
    return lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), um / CANONICAL_UM_PER_PX), np.uint8)


def _coarse(um_per_px: float) -> Callable[[Rgb], Rgb]:
    return lambda image: coarsened(image, um_per_px / CANONICAL_UM_PER_PX)


def _jpeg(quality: int) -> Callable[[Rgb], Rgb]:
    return lambda image: compressed(image, quality)


def _sharpened(amount: float) -> Callable[[Rgb], Rgb]:
    def change(image: Rgb) -> Rgb:
        soft = cv2.GaussianBlur(image, (0, 0), 1.5)
        return np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0), np.uint8)

    return change


def _noisy(deviation: float) -> Callable[[Rgb], Rgb]:
    def change(image: Rgb) -> Rgb:
        noise = np.random.default_rng(_SEED).normal(0, deviation, image.shape)
        return np.clip(image + noise, 0, 255).astype(np.uint8)

    return change


def _shaded(least: float) -> Callable[[Rgb], Rgb]:
    """Light falls off from the left to the right, down to ``least``."""

    def change(image: Rgb) -> Rgb:
        light = np.linspace(1, least, image.shape[1], dtype=np.float32)[None, :, None]
        return (image * light).astype(np.uint8)

    return change


def _turned(image: Rgb) -> Rgb:
    return np.ascontiguousarray(np.rot90(image))


UNCHANGED = Stress("nothing", "as it is")
TURNED = Stress("rotation", "a quarter turn", _turned)
STRESSES = (
    UNCHANGED,
    Stress("stain", "all 0.6 times", _stains(0.6, 0.6, 0.6)),
    Stress("stain", "all 0.8 times", _stains(0.8, 0.8, 0.8)),
    Stress("stain", "all 1.25 times", _stains(1.25, 1.25, 1.25)),
    Stress("stain", "all 1.6 times", _stains(1.6, 1.6, 1.6)),
    Stress("stain", "bluer: haematoxylin 1.3, eosin 0.75 times", _stains(1.3, 0.75)),
    Stress("stain", "redder: haematoxylin 0.75, eosin 1.3 times", _stains(0.75, 1.3)),
    Stress("white balance", "warm, density 0.1 off", _tinted(-0.05, 0, 0.1)),
    Stress("white balance", "warm, density 0.2 off", _tinted(-0.05, 0.05, 0.2)),
    Stress("white balance", "cold, density 0.1 off", _tinted(0.1, 0, -0.05)),
    Stress("white balance", "cold, density 0.2 off", _tinted(0.2, 0.05, -0.05)),
    Stress("light", "0.8 times", _tinted(0.22, 0.22, 0.22)),
    Stress("light", "0.6 times", _tinted(0.51, 0.51, 0.51)),
    Stress("light", "falling to 0.7 times across", _shaded(0.7)),
    Stress("focus", "blurred by 0.07 µm", _blurred(0.07)),
    Stress("focus", "blurred by 0.15 µm", _blurred(0.15)),
    Stress("focus", "blurred by 0.25 µm", _blurred(0.25)),
    Stress("focus", "blurred by 0.40 µm", _blurred(0.40)),
    Stress("resolution", "0.18 µm/px", _coarse(0.18)),
    Stress("resolution", "0.22 µm/px", _coarse(0.22)),
    Stress("resolution", "0.27 µm/px", _coarse(0.27)),
    Stress("JPEG", "quality 80", _jpeg(80)),
    Stress("JPEG", "quality 50", _jpeg(50)),
    Stress("JPEG", "quality 25", _jpeg(25)),
    Stress("sharpening", "0.7 times", _sharpened(0.7)),
    Stress("sharpening", "1.5 times", _sharpened(1.5)),
    Stress("noise", "4 grey levels", _noisy(4)),
    Stress("noise", "10 grey levels", _noisy(10)),
    TURNED,
    Stress("scale", "cells 0.85 times as large", zoom=0.85),
    Stress("scale", "cells 1.15 times as large", zoom=1.15),
)
