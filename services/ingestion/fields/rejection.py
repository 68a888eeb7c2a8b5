"""Fields of the film that are not read, and why."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.ingestion.fields.census import Census
from services.ingestion.fields.grid import field_id

EXAMPLES = 10
"""Fields named for each reason: a message about a film of 100 000 fields stays small."""

LEAST_COVERED = 0.1
LEAST_CLEAN = 0.3
MOST_LOST = 0.02


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why `count` fields are not read: the stable `code`, the `text` for a person, and the first few of the fields."""

    code: str
    text: str
    count: int
    examples: tuple[str, ...]


_TEXTS = {
    "missing_tiles": "the scan leaves out, has lost or cannot decode a part of the field",
    "bare": "no blood in the field",
    "out_of_focus": "the field is out of focus",
    "pale": "the field is stained too weakly",
    "precipitate": "stain precipitate covers the field",
    "too_thick": "red cells lie on top of each other",
    "mixed": "several faults together leave too little of the field readable",
}


def usable(census: Census) -> NDArray[np.bool_]:
    """Fields of which enough is covered and clean, whatever their thickness.

    A field that touches a tile which was lost is not read, however little it does: cells that the tile cuts would be
    counted as what is left of them, and those inside it not at all.
    """
    whole = (census.absent == 0) & (census.lost <= MOST_LOST)
    return np.asarray(whole & (census.covered >= LEAST_COVERED) & (census.clean >= LEAST_CLEAN))


def rejections(census: Census, read: NDArray[np.bool_]) -> tuple[Rejection, ...]:
    """Every field that holds blood, or lies where the scan holds nothing, and is neither in `read` nor readable.

    Fields of bare glass away from the film are no fields of it and are not told; those that the film only touches are.
    """
    return tuple(_rejections(census, read))


def _rejections(census: Census, read: NDArray[np.bool_]) -> Iterator[Rejection]:
    lost = (census.absent > 0) | (census.lost > MOST_LOST)
    left = ~read & ((census.covered > 0) | lost)
    causes = {
        "missing_tiles": lost,
        "bare": census.covered < LEAST_COVERED,
        "out_of_focus": census.unfocused > 0.5,
        "pale": census.pale > 0.5,
        "precipitate": census.littered > 0.5,
        "too_thick": census.thick > 0.5,
        "mixed": census.clean < LEAST_CLEAN,
    }
    for code, where in causes.items():
        rows, columns = np.nonzero(left & where)
        left &= ~where
        if rows.size:
            names = [field_id(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]
            yield Rejection(code, _TEXTS[code], len(names), tuple(names[:EXAMPLES]))
