"""Bare glass of a picture: what the light alone would have given, so that every camera's white becomes 1."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_BLOCK = 16
_TOLERANCE = 6.0


def transmittance(pixels: NDArray[np.uint8], light_order: int) -> Floats:
    """The share of light (0–1, H x W x 3) that the specimen lets through, in the camera's own tone scale.

    A power-law tone curve keeps products, so Beer–Lambert multiplication stays right without undoing it.
    """
    light = np.stack([_light(pixels[..., channel], light_order) for channel in range(3)], axis=-1)
    return np.clip(pixels / light, 0.02, 1.0).astype(np.float32)


def _light(channel: NDArray[np.uint8], order: int) -> Floats:
    """A polynomial surface through the brightest parts, refitted without the blocks that hold cells."""
    height, width = channel.shape
    rows, columns = height // _BLOCK, width // _BLOCK
    blocks = channel[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    level = np.percentile(blocks, 80, axis=(1, 3)).ravel()
    y, x = (axis.ravel() for axis in np.mgrid[0:rows, 0:columns])
    terms = _terms((x + 0.5) / columns, (y + 0.5) / rows, order)
    glass = level >= np.percentile(level, 70) - _TOLERANCE
    for _ in range(6):
        fit, *_rest = np.linalg.lstsq(terms[glass], level[glass], rcond=None)
        glass = np.abs(level - terms @ fit) <= _TOLERANCE
        if glass.sum() < 3 * terms.shape[1]:
            return np.full((height, width), np.percentile(level, 90), np.float32)
    yy, xx = np.mgrid[0:height, 0:width]
    surface = _terms((xx.ravel() + 0.5) / width, (yy.ravel() + 0.5) / height, order) @ fit
    return np.maximum(surface, 1.0).reshape(height, width).astype(np.float32)


def _terms(x: NDArray[np.float64], y: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    powers = [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]
    return np.stack([x**i * y**j for i, j in powers], axis=1)
