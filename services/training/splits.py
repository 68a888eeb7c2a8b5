"""Divides a data set into training, validation and test parts, near-duplicates kept together.

The division is a function of the pictures alone: the group of a picture is named by its smallest content hash, and a
hash of that name says which part the whole group falls into.
"""

import hashlib
from collections.abc import Iterable, Sequence
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from services.analysis.pixels import Rgb

_SKETCH = 32
_HASH = 8
_NEAR_BITS = 10
_NEAR_CORRELATION = 0.97
_TEST_SHARE = 0.15
_VALIDATION_SHARE = 0.10


class Part(StrEnum):
    """What a picture may be used for."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def sketch(image: Rgb) -> npt.NDArray[np.float32]:
    """A 32 x 32 grey sketch, of mean 0 and length 1; the dot product of two is their correlation."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SKETCH, _SKETCH), interpolation=cv2.INTER_AREA).astype(np.float32)
    centred = small - small.mean()
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-6), np.float32)


def perceptual_hash(drawn: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The 64 signs, packed in 8 bytes, of the lowest frequencies of a sketch (the pHash of Zauner, 2010)."""
    low = cv2.dct(drawn)[:_HASH, :_HASH].ravel()
    return np.packbits(low > np.median(low))


def near_duplicate_groups(
    sketches: Sequence[npt.NDArray[np.float32]], repeats: Iterable[tuple[int, int]] = ()
) -> list[int]:
    """For each picture, the lowest index of a picture it is a near-duplicate of, directly or by others between.

    Two pictures are near-duplicates when at most 10 of the 64 bits of their hashes differ and their sketches
    correlate to at least 0.97; and those that `repeats` names by their indices.
    """
    hashes = np.stack([perceptual_hash(drawn) for drawn in sketches])
    flat = np.stack(sketches).reshape(len(sketches), -1)
    parents = list(range(len(sketches)))
    for first in range(len(sketches) - 1):
        bits = np.bitwise_count(hashes[first + 1 :] ^ hashes[first]).sum(axis=1)
        for second in np.flatnonzero(bits <= _NEAR_BITS) + first + 1:
            if float(flat[first] @ flat[second]) >= _NEAR_CORRELATION:
                _join(parents, first, int(second))
    for pair in repeats:
        _join(parents, *pair)
    return [_root(parents, index) for index in range(len(parents))]


def part_of(group: str) -> Part:
    """The part a group falls into: 15 % of groups are for testing, 10 % for validation."""
    share = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64
    if share < _TEST_SHARE:
        return Part.TEST
    return Part.VALIDATION if share < _TEST_SHARE + _VALIDATION_SHARE else Part.TRAIN


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _join(parents: list[int], first: int, second: int) -> None:
    low, high = sorted((_root(parents, first), _root(parents, second)))
    parents[high] = low
