"""The picture of a cell by its URI: an object of its own, or a part of a tile (W3C Media Fragments 1.0, 4.2.2)."""

import re
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.errors import FrottisError
from services.kit.objects import Objects

_FRAGMENT = re.compile(r"(?P<uri>[^#]+)#xywh=pixel:(?P<x>\d+),(?P<y>\d+),(?P<w>\d+),(?P<h>\d+)")
TILES_KEPT = 8


class CropUnreadable(FrottisError):
    """The object that should show the cell is no picture, or does not reach to the cell."""


class Crops:
    """Cell pictures from the object store; keeps the last few tiles, so ask for the cells of a tile together."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._picture = lru_cache(maxsize=TILES_KEPT)(self._load)

    def show(self, crop_uri: str, margin_px: int = 0) -> NDArray[np.uint8]:
        """The cell as uint8 RGB, height x width x 3; a part of a tile is shown with `margin_px` around it.

        Raises CropUnreadable, ObjectMissing (the tile expired), TransientError.
        """
        fragment = _FRAGMENT.fullmatch(crop_uri)
        if fragment is None:
            return self._picture(crop_uri)
        tile = self._picture(fragment["uri"])
        x, y, w, h = (int(fragment[name]) for name in "xywh")
        left, top = max(x - margin_px, 0), max(y - margin_px, 0)
        part = tile[top : y + h + margin_px, left : x + w + margin_px]
        if part.size == 0:
            raise CropUnreadable(f"{crop_uri} lies outside its tile")
        return part

    def _load(self, uri: str) -> NDArray[np.uint8]:
        picture = cv2.imdecode(np.frombuffer(self._objects.get(uri), np.uint8), cv2.IMREAD_COLOR_RGB)
        if picture is None:
            raise CropUnreadable(f"{uri} is no picture")
        return np.asarray(picture, np.uint8)
