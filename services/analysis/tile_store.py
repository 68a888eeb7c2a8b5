"""Tiles from the object store, and evidence crops into it."""

import numpy as np
import simplejpeg

from services.analysis.cells import Box, Detection, Kind, Placement
from services.analysis.errors import TileUnreadable
from services.analysis.pixels import CANONICAL_UM_PER_PX, LEUKOCYTE_CROP, TILE, Rgb
from services.analysis.reading import crop_of
from services.analysis.tiles import TilePixels
from services.kit.contracts import Question, Region, Tile
from services.kit.objects import ObjectMissing, Objects

ALWAYS = frozenset({Kind.LEUKOCYTE})
# Scans within 1 % of the canonical resolution are cut without resampling.
_RESOLUTION_TOLERANCE = 0.0101


class TileStore:
    """Pixels by claim check."""

    def __init__(self, objects: Objects, crop_quality: int) -> None:
        self._objects = objects
        self._quality = crop_quality

    def load(self, tile: Tile) -> TilePixels:
        """The tile with its pixels. Raises TileUnreadable; TransientError when the store is away."""
        return TilePixels(self._pixels(tile), _placement(tile), _box(tile.core), kinds_asked(tile))

    def keep_crop(self, tile: Tile, pixels: Rgb, cell_id: str, detection: Detection) -> str:
        """Store the cell's leukocyte crop, the very pixels that the classifier saw, as a JPEG; returns its URI.

        Raises TransientError. The same cell gives the same bytes under the same key.
        """
        crop = crop_of(pixels, detection, LEUKOCYTE_CROP)
        content = simplejpeg.encode_jpeg(
            np.ascontiguousarray(crop), quality=self._quality, colorspace="RGB", colorsubsampling="444"
        )
        return self._objects.put(f"slides/{tile.slide.slide_id}/crops/{cell_id}.jpg", content)

    def _pixels(self, tile: Tile) -> Rgb:
        try:
            content = self._objects.get(tile.uri)
            image: Rgb = simplejpeg.decode_jpeg(content, colorspace="RGB", strict=True)
        except ObjectMissing as error:
            raise TileUnreadable(f"tile {tile.tile_id} has no pixels: {error}; scan the slide again") from error
        except ValueError as error:
            raise TileUnreadable(f"tile {tile.tile_id} is not a whole JPEG ({error}); scan the slide again") from error
        if image.shape != (TILE, TILE, 3):
            raise TileUnreadable(f"tile {tile.tile_id} is {image.shape[1]} x {image.shape[0]} px, not {TILE} x {TILE}")
        return image


def kinds_asked(tile: Tile) -> frozenset[Kind]:
    """The kinds that are classified: leukocytes always, erythrocytes where the tile is read for them."""
    erythrocytes = Question.QUESTION_ERYTHROCYTES in tile.questions
    return ALWAYS | {Kind.ERYTHROCYTE} if erythrocytes else ALWAYS


def fragment(tile: Tile, box: Box) -> str:
    """A cell's place in its tile as a URI (W3C Media Fragments 1.0, 4.2.2), in whole pixels, inside the tile."""
    left, top = max(int(box.x), 0), max(int(box.y), 0)
    right, bottom = min(-int(-(box.x + box.width) // 1), TILE), min(-int(-(box.y + box.height) // 1), TILE)
    return f"{tile.uri}#xywh=pixel:{left},{top},{right - left},{bottom - top}"


def _placement(tile: Tile) -> Placement:
    if abs(tile.um_per_px / CANONICAL_UM_PER_PX - 1) > _RESOLUTION_TOLERANCE:
        raise TileUnreadable(
            f"tile {tile.tile_id} is at {tile.um_per_px} µm/px and the models read {CANONICAL_UM_PER_PX}: cut it again"
        )
    return Placement(tile.region.x_um, tile.region.y_um, tile.region.width_um / TILE, tile.region.height_um / TILE)


def _box(region: Region) -> Box:
    return Box(region.x_um, region.y_um, region.width_um, region.height_um)
