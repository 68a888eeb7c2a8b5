"""Where the pictures that no leukocyte class fits come from: red cells, alone and touching, and pictures of no cell.

Without them a network has no answer but a class for what a detector takes for a leukocyte by mistake. Those that no
set can offer are made: noise of any grain, fields of colour, discs, stripes, and cells whose pieces were shuffled, so
that colours and textures are those of a cell and the form is not.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from services.analysis.pixels import Rgb
from services.training.classifier.cells import centre
from services.training.classifier.ordinary import spread
from services.training.sources import Box

_FROM_LEUKOCYTES_UM = 9.0
_FROM_PLATELETS_UM = 3.0
_MOST_PAIRS = 200
_PIECES = 4


def other_places(labelled: Sequence[Box], um_per_px: float, most: int) -> list[tuple[float, float]]:
    """Up to ``most`` red cells and as many places where two touch, as (x, y), none on a leukocyte or platelet."""
    red = [box for box in labelled if box.kind == "erythrocyte"]
    touching = [_between(*pair) for pair in combinations(red[:_MOST_PAIRS], 2) if _touch(*pair)]
    return [
        place
        for places in ([centre(box) for box in red], touching)
        for place in spread([one for one in places if _free(one, labelled, um_per_px)], most)
    ]


def made_pictures(cells: Sequence[Rgb], count: int, side: int, seed: int) -> list[Rgb]:
    """``count`` pictures of no cell, of all kinds in turn; ``cells`` are those that are shuffled."""
    rng = np.random.default_rng(seed)
    kinds: tuple[Callable[[], Rgb], ...] = (
        lambda: _noise(side, rng),
        lambda: _grains(side, rng, cv2.INTER_NEAREST),
        lambda: _grains(side, rng, cv2.INTER_CUBIC),
        lambda: _plain(side, rng),
        lambda: _disc(side, rng),
        lambda: _stripes(side, rng),
        lambda: _shuffled(cells[int(rng.integers(len(cells)))], side, rng),
        lambda: _shuffled(cells[int(rng.integers(len(cells)))], side, rng),
    )
    return [kinds[index % len(kinds)]() for index in range(count)]


def _noise(side: int, rng: np.random.Generator) -> Rgb:
    if rng.random() < 0.5:
        return rng.integers(0, 256, (side, side, 3), np.uint8)
    around = rng.uniform(0, 255, 3) + rng.normal(0, rng.uniform(10, 80), (side, side, 3))
    return _bytes(around)


def _grains(side: int, rng: np.random.Generator, between: int) -> Rgb:
    coarse = rng.integers(2, side // 2)
    levels = rng.uniform(0, 255, 3) + rng.normal(0, rng.uniform(15, 90), (coarse, coarse, 3))
    grains = cv2.resize(_bytes(levels), (side, side), interpolation=between)
    return np.asarray(grains, np.uint8)


def _plain(side: int, rng: np.random.Generator) -> Rgb:
    """One colour, brighter on one side."""
    slope = np.linspace(0, rng.uniform(0, 60), side)[:, None, None] * rng.uniform(0, 1, 3)
    return _bytes(np.broadcast_to(rng.uniform(0, 255, 3) + slope, (side, side, 3)))


def _disc(side: int, rng: np.random.Generator) -> Rgb:
    """A disc without structure, of any colour on any other, its edge sharp or soft."""
    picture = np.full((side, side, 3), rng.uniform(0, 255, 3), np.float32)
    at = tuple(int(c) for c in side / 2 + rng.normal(0, side / 16, 2))
    cv2.circle(picture, at, int(rng.uniform(0.05, 0.4) * side), rng.uniform(0, 255, 3).tolist(), -1)
    soft = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, side / 12))
    return _bytes(soft + rng.normal(0, rng.uniform(0, 6), picture.shape))


def _stripes(side: int, rng: np.random.Generator) -> Rgb:
    rows, columns = np.mgrid[0:side, 0:side] / side
    angle, waves = rng.uniform(0, np.pi), rng.uniform(1, 30)
    phase = np.sin(2 * np.pi * waves * (rows * np.cos(angle) + columns * np.sin(angle)))[..., None]
    colours = rng.uniform(0, 255, (2, 3))
    return _bytes(colours[0] + (phase + 1) / 2 * (colours[1] - colours[0]))


def _shuffled(cell: Rgb, side: int, rng: np.random.Generator) -> Rgb:
    """The middle of a cell's picture, cut in a grid of pieces that are put together in another order and turned."""
    piece = min(cell.shape[:2]) // _PIECES
    pieces = [
        cell[row * piece : (row + 1) * piece, column * piece : (column + 1) * piece]
        for row in range(_PIECES)
        for column in range(_PIECES)
    ]
    order = rng.permutation(len(pieces))
    turned = [np.rot90(pieces[index], int(rng.integers(4))) for index in order]
    rows = [np.hstack(turned[start : start + _PIECES]) for start in range(0, len(turned), _PIECES)]
    return np.asarray(cv2.resize(np.vstack(rows), (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def _bytes(values: npt.NDArray[np.floating[Any]]) -> Rgb:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def _touch(first: Box, second: Box) -> bool:
    across = min(first.x + first.width, second.x + second.width) - max(first.x, second.x)
    down = min(first.y + first.height, second.y + second.height) - max(first.y, second.y)
    return across > 0 and down > 0


def _between(first: Box, second: Box) -> tuple[float, float]:
    (x, y), (other_x, other_y) = centre(first), centre(second)
    return (x + other_x) / 2, (y + other_y) / 2


def _free(place: tuple[float, float], labelled: Sequence[Box], um_per_px: float) -> bool:
    """Whether no leukocyte and no platelet lies there."""
    apart = {"leukocyte": _FROM_LEUKOCYTES_UM, "platelet": _FROM_PLATELETS_UM}
    return all(
        np.hypot(*np.subtract(centre(box), place)) * um_per_px >= apart[box.kind]
        for box in labelled
        if box.kind in apart
    )
