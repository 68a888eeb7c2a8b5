"""Red cells that touch or lie upon each other: what a detector takes for a leukocyte now and then, and no class fits.

Where red cells lie in layers, as in thick parts of a film, their optical densities add up. Such heaps are made of
pictures of one layer, so that the network learns that colour as deep as a nucleus is none yet.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from services.analysis.pixels import Rgb
from services.training.classes import LEUKOCYTES, NO_LEUKOCYTE
from services.training.classifier.cells import Cell, centre, middle, one_of, surroundings
from services.training.classifier.ordinary import spread
from services.training.labels import mended
from services.training.manifest import Manifest
from services.training.sources import Box, detection_fields
from services.training.splits import Part

_HEAPS_OF_A_SET = 400
_FROM_LEUKOCYTES_UM = 16.0
_LAYERS = (1, 1, 1, 2, 3, 4)
"""How many, each as often: half of the heaps are as they are."""
_MOST_CELLS = 80
_GLASS_PERCENTILE = 95


def heaps(data: Path, manifest: Manifest, part: Part, around: int, seed: int) -> Iterator[Cell]:
    """Places of a set where red cells touch, none near a leukocyte, each in a picture of side ``around``."""
    rng = np.random.default_rng(seed)
    fields = [field for field in mended(detection_fields(data, manifest.source)) if manifest.part(field.path) is part]
    found = [(field, place) for field in fields if (place := _heap(field.boxes, field.um_per_px)) is not None]
    for field, place in spread(found, _HEAPS_OF_A_SET):
        for picture in surroundings(field, [place], around):
            layers = int(rng.choice(_LAYERS))
            heap, allowed = in_layers(picture, layers, rng), one_of((), LEUKOCYTES)
            bare = layers == 1
            yield Cell(heap, *middle(heap), NO_LEUKOCYTE, allowed, manifest.source, field.um_per_px, bare=bare)


def in_layers(picture: Rgb, layers: int, rng: np.random.Generator) -> Rgb:
    """The square picture under ``layers - 1`` turned and shifted copies of itself: densities over glass add up."""
    glass = np.maximum(np.percentile(picture.reshape(-1, 3), _GLASS_PERCENTILE, axis=0), 1.0)
    through = picture / glass
    light = through.copy()
    for _ in range(layers - 1):
        turned = np.rot90(through, int(rng.integers(4)))
        light *= np.roll(turned, rng.integers(0, len(turned), 2), axis=(0, 1))
    return np.asarray(np.clip(light * glass, 0, 255), np.uint8)


def _heap(labelled: Sequence[Box], um_per_px: float) -> tuple[float, float] | None:
    """The middle between two red cells that overlap, as (x, y), away from leukocytes: where most lies around it."""
    red = [box for box in labelled if box.kind == "erythrocyte"][:_MOST_CELLS]
    nucleated = [centre(box) for box in labelled if box.kind == "leukocyte"]
    places = []
    for one, other in combinations(red, 2):
        across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
        down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
        (x, y), (other_x, other_y) = centre(one), centre(other)
        place = ((x + other_x) / 2, (y + other_y) / 2)
        if across > 0 and down > 0 and all(_apart(place, cell) * um_per_px > _FROM_LEUKOCYTES_UM for cell in nucleated):
            places.append(place)
    inmost = tuple(np.mean([centre(box) for box in labelled], axis=0)) if labelled else (0.0, 0.0)
    return min(places, key=lambda place: _apart(place, inmost), default=None)


def _apart(first: tuple[float, float], second: tuple[float, float]) -> float:
    return float(np.hypot(first[0] - second[0], first[1] - second[1]))
