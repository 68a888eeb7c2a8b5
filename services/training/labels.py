"""Mends what is wrong in the labels of fields: kinds that were swapped, and fields beyond repair.

In a film red cells outnumber leukocytes and platelets at least ten to one. Nine of the 1,402 DeepBioNet fields have
dozens of "leukocytes" or "platelets" of a red cell's size and a "red cell" or two of a leukocyte's. In five others
single red cells are labelled as leukocytes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from services.training.sources import Box, Field

_MISLABELLED = frozenset({"1a1d63cd71", "1b2f7bb685", "c93fa910a6", "d60b8206c9", "f3a1b00be7"})
_MANY = 20
_FEW = 5


def mended(fields: Iterable[Field]) -> list[Field]:
    """The fields with their kinds repaired, without those whose labels are known to be wrong."""
    return [
        replace(field, boxes=with_kinds_repaired(field.boxes))
        for field in fields
        if field.path.stem not in _MISLABELLED
    ]


def with_kinds_repaired(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The boxes, the kinds of a swapped field named anew: the many erythrocytes, the larger and the smaller by size."""
    counted = Counter(box.kind for box in boxes)
    if not boxes or counted["erythrocyte"] >= _FEW:
        return tuple(boxes)
    most, count = counted.most_common(1)[0]
    if count < _MANY:
        return tuple(boxes)
    usual = _size(boxes, most)
    names = {kind: "leukocyte" if _size(boxes, kind) > usual else "platelet" for kind in counted if kind != most}
    names[most] = "erythrocyte"
    return tuple(replace(box, kind=names[box.kind]) for box in boxes)


def _size(boxes: Sequence[Box], kind: str) -> float:
    return float(np.median([box.width * box.height for box in boxes if box.kind == kind]))
