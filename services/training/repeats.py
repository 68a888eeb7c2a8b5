"""Fields of a set that show the same cells: cut from one picture, turned, mirrored or recoloured.

As whole pictures they do not look alike. The surroundings of a cell do: a few cells lie around it as around no other.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from services.analysis.pixels import Rgb
from services.training.sources import Field, read_image

_AROUND_UM = 21.0
"""Side of what is compared: a red cell and its neighbours."""
_SKETCH = 20
_ALIKE = 0.90
"""Correlation from which two surroundings are the same: chosen by eye, pairs from here on being true ones."""
_FLAT = 4.0
"""Standard deviation in grey levels below which there is nothing to compare."""
_ASKED = 10
"""Cells of a field that are looked for in all other fields."""
_ROWS = 1024

Floats = npt.NDArray[np.float32]


def repeats(fields: Sequence[Field]) -> set[tuple[int, int]]:
    """The pairs of fields, by their places, the lower first, that show the surroundings of one cell at least.

    Leukocytes are not compared by: one in the middle makes any two surroundings alike.
    """
    known, field = _all_surroundings(fields)
    if not len(known):
        return set()
    asked = np.concatenate([_spread(np.flatnonzero(field == number)) for number in range(len(fields))])
    flat = known.reshape(len(known), -1)
    found: set[tuple[int, int]] = set()
    for turned in _orientations(known[asked]):
        for start in range(0, len(asked), _ROWS):
            rows, columns = np.nonzero(turned[start : start + _ROWS] @ flat.T >= _ALIKE)
            pairs = np.sort(np.stack([field[asked[start + rows]], field[columns]]), axis=0)
            found.update((int(a), int(b)) for a, b in pairs.T if a != b)
    return found


def _all_surroundings(fields: Sequence[Field]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """N x 20 x 20 sketches of all fields, and the field that each is of."""
    drawn, owner = [np.empty((0, _SKETCH, _SKETCH), np.float32)], [np.empty(0, np.int64)]
    for number, field in enumerate(fields):
        own = list(_surroundings(read_image(field.path), field))
        if own:
            drawn.append(np.stack(own))
            owner.append(np.full(len(own), number))
    return np.concatenate(drawn), np.concatenate(owner)


def _surroundings(image: Rgb, field: Field) -> Iterator[Floats]:
    """A sketch, of mean 0 and length 1, of each cell's surroundings that lie in the picture."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    reach = int(_AROUND_UM / field.um_per_px / 2)
    for box in field.boxes:
        x, y = int(box.x + box.width / 2), int(box.y + box.height / 2)
        inside = reach <= x <= grey.shape[1] - reach and reach <= y <= grey.shape[0] - reach
        if box.kind == "leukocyte" or not inside:
            continue
        around = grey[y - reach : y + reach, x - reach : x + reach]
        small = cv2.resize(around, (_SKETCH, _SKETCH), interpolation=cv2.INTER_AREA).astype(np.float32)
        centred = small - small.mean()
        length = float(np.linalg.norm(centred))
        if length >= _FLAT * _SKETCH:
            yield np.asarray(centred / length, np.float32)


def _spread(places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """At most so many as are asked for, evenly spread."""
    return places[np.unique(np.linspace(0, len(places) - 1, min(len(places), _ASKED)).astype(np.intp))]


def _orientations(sketches: Floats) -> Iterator[Floats]:
    """The sketches (flat) in each of the eight ways that they can be turned and mirrored."""
    for seen in (sketches, sketches[:, :, ::-1]):
        for turns in range(4):
            yield np.rot90(seen, turns, axes=(1, 2)).reshape(len(sketches), -1)
