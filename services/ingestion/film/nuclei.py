"""Nucleated cells of the film, found as blobs of nuclear stain; look-alikes are kept with a low score."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from services.ingestion.film.blobs import Blobs, Shape
from services.ingestion.film.score import nucleus_probability
from services.ingestion.film.stain import NUCLEUS, Pixels

Column = NDArray[np.float32]

THRESHOLD = round(0.42 * NUCLEUS)
"""Nuclear stain from which a pixel is nuclear; cytoplasm and granules lie mostly below."""

LEAST_UM2 = 7.0
"""Below a lymphocyte's smallest profile; single platelets (2–3 µm) stay under it, giant ones do not."""

PROBABLE = 0.3
"""Score from which a candidate is counted as a nucleated cell. Below one half: a field read for a platelet clump costs
a second, a blast that is passed over costs more."""

_LOBES_UM = 1.1
"""Half the gap that is bridged. Wider, cells that touch are taken for one; lobes left apart score low as too small."""


@dataclass(frozen=True, slots=True)
class Nuclei:
    """Candidates, one row each: centre on the slide (µm), area (µm²), mean nuclear stain (1 = the film's typical
    nucleus), and the probability that it is a nucleated cell and not a platelet clump, precipitate or dirt.
    """

    x_um: Column
    y_um: Column
    area_um2: Column
    darkness: Column
    score: Column

    def __len__(self) -> int:
        return len(self.x_um)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Nuclei":
        return Nuclei(*(getattr(self, each.name)[rows] for each in fields(self)))

    @property
    def probable(self) -> "Nuclei":
        """Those that are counted as nucleated cells."""
        return self[self.score >= PROBABLE]

    @property
    def lookalikes(self) -> "Nuclei":
        """Those that are not."""
        return self[self.score < PROBABLE]


def gathered(found: Sequence[Nuclei]) -> Nuclei:
    """All rows, from left to right and top to bottom of the film, whatever order the parts came in."""
    if not found:
        empty = np.zeros(0, np.float32)
        return Nuclei(empty, empty, empty, empty, empty)
    names = [each.name for each in fields(Nuclei)]
    every = Nuclei(*(np.concatenate([getattr(part, name) for part in found]) for name in names))
    return every[np.lexsort((every.y_um, every.x_um))]


def candidates(nuclear: Pixels, um_per_px: float) -> Nuclei:
    """The candidates of a picture of nuclear stain, with centres in µm of that picture."""
    shape = blobs(nuclear, um_per_px)
    found = Nuclei(shape.x_um, shape.y_um, shape.area_um2, shape.density, nucleus_probability(shape))
    return found[shape.area_um2 >= LEAST_UM2]


def blobs(nuclear: Pixels, um_per_px: float) -> Shape:
    """Every blob of nuclear stain, of any size; lobes of one nucleus are one."""
    smooth = np.asarray(cv2.GaussianBlur(nuclear, (3, 3), 0), np.uint8)
    mask = cv2.threshold(smooth, THRESHOLD, 255, cv2.THRESH_BINARY)[1]
    side = 2 * max(1, round(_LOBES_UM / um_per_px)) + 1
    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    at = np.flatnonzero(mask)
    y, x = np.divmod(at, mask.shape[1])
    return Blobs(labels.ravel()[at], count, x + 0.5, y + 0.5, smooth.ravel()[at] / NUCLEUS).shapes(um_per_px)
