"""What lies behind and between the cells: the lamp, the sensor's noise, and the film of dried plasma."""

import cv2
import numpy as np
from numpy.typing import NDArray

from services.simulator.composer.recipe import Recipe
from services.simulator.composer.regions import Layout

Pixels = NDArray[np.uint8]

_CAMERA_FIELD = 2048
_FALL_OFF = 0.006
_NOISE = 0.0045
_PITCH_UM = 6.0
_PLASMA = np.array([0.010, 0.014, 0.007])
_THICK_PLASMA = np.array([0.035, 0.05, 0.03])


class Glass:
    """The empty picture of one film."""

    def __init__(self, recipe: Recipe, layout: Layout) -> None:
        self._um_per_px = recipe.um_per_px
        self._sensor = _sensor(recipe)
        self._plasma = _plasma(layout)

    def plasma(self, left: int, top: int, width: int, height: int) -> Pixels:
        """The light that plasma lets through in a window, H x W x 3 with 255 for bare glass."""
        step = self._um_per_px / _PITCH_UM
        grid = np.array([[step, 0.0, left * step], [0.0, step, top * step]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        light = cv2.warpAffine(self._plasma, grid, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(light, np.uint8)

    def seen_by_sensor(self, light: Pixels, left: int, top: int) -> Pixels:
        """The picture that the camera gives of `light`; its fall-off and noise repeat with each camera field."""
        side = _CAMERA_FIELD
        height, width = light.shape[:2]
        for y in range(-(top % side), height, side):
            for x in range(-(left % side), width, side):
                part = light[max(y, 0) : y + side, max(x, 0) : x + side]
                lamp = self._sensor[max(-y, 0) :, max(-x, 0) :][: part.shape[0], : part.shape[1]]
                cv2.multiply(part, lamp, dst=part, scale=1 / 255)
        return light


def _sensor(recipe: Recipe) -> Pixels:
    rng = np.random.default_rng((recipe.seed, 7))
    axis = np.linspace(-1, 1, _CAMERA_FIELD, dtype=np.float32) ** 2
    field = 1 - _FALL_OFF * np.add.outer(axis, axis) / 2
    noise = cv2.GaussianBlur(rng.standard_normal((_CAMERA_FIELD, _CAMERA_FIELD, 3), np.float32), (0, 0), 0.7)
    noise *= _NOISE / noise.std()
    lamp = np.array(recipe.glass_rgb, np.float32) * (field[..., None] + noise)
    return np.asarray(np.clip(np.rint(lamp), 0, 255), np.uint8)


def _plasma(layout: Layout) -> Pixels:
    columns = int(layout.width_um / _PITCH_UM) + 2
    rows = int(layout.height_um / _PITCH_UM) + 2
    y, x = np.mgrid[0:rows, 0:columns] * _PITCH_UM
    density = layout.density(np.column_stack([x.ravel(), y.ravel()])).reshape(rows, columns, 1)
    light = 1 - (density > 0) * _PLASMA - np.clip(density - 1, 0, None) * _THICK_PLASMA
    return np.asarray(np.rint(255 * cv2.GaussianBlur(light, (0, 0), 1.5)), np.uint8)
