"""Labelled cells as the classifiers learn them: a picture at canonical resolution and a place in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.analysis.pixels import CANONICAL_UM_PER_PX, Rgb, centred_crop, resample
from services.training.sources import Box, Field, read_image


@dataclass(frozen=True)
class Cell:
    """A labelled cell; place in pixels of its picture."""

    image: Rgb
    x: float
    y: float
    label: str
    """As the data set names it."""
    allowed: npt.NDArray[np.bool_]
    """Which classes that name allows, in the order of the classes."""
    source: str
    um_per_px: float
    """What the picture was taken at."""
    attributes: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    """The values that are told of it, in the order of the attributes' values; empty where nothing is told."""
    reach: float | None = None
    """How far its nucleus reaches from its place, in pixels; None where it does not stand alone, or was not sought."""
    bare: bool = False
    """Red cells in one layer and nothing else: another cell may be laid on it."""

    @property
    def target(self) -> int:
        """The index of its class, or -1 where several are allowed, or none."""
        return int(np.argmax(self.allowed)) if self.allowed.sum() == 1 else -1

    def crop(self, size: int) -> Rgb:
        """The pixels the running service would give a classifier."""
        return centred_crop(self.image, self.x, self.y, size)


def targets(cells: Sequence[Cell]) -> npt.NDArray[np.int64]:
    """The class index of each cell, -1 where its label allows several, or none."""
    return np.array([cell.target for cell in cells], np.int64)


def told(cells: Sequence[Cell], width: int) -> npt.NDArray[np.bool_]:
    """N x width: the attributes' values that are told of each cell; none where nothing is told."""
    nothing = np.zeros(width, bool)
    return np.stack([cell.attributes if len(cell.attributes) else nothing for cell in cells])


def one_of(names: Sequence[str], classes: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which of the classes are among the names."""
    return np.array([name in names for name in classes])


def centre(box: Box) -> tuple[float, float]:
    """The middle of a box."""
    return box.x + box.width / 2, box.y + box.height / 2


def middle(image: Rgb) -> tuple[float, float]:
    """The middle of a picture."""
    return image.shape[1] / 2, image.shape[0] / 2


def surroundings(field: Field, centres: Sequence[tuple[float, float]], side: int) -> Iterator[Rgb]:
    """What lies around places of a field, at canonical resolution: the field itself is not held in memory."""
    if centres:
        image = resample(read_image(field.path), field.um_per_px)
        scale = field.um_per_px / CANONICAL_UM_PER_PX
        yield from (centred_crop(image, x * scale, y * scale, side) for x, y in centres)
