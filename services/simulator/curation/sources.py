"""Where labelled cells lie in the public sets; nothing here cuts or chooses."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services.simulator.errors import SourceError

NOT_A_LEUKOCYTE = {"platelet": "platelet"}


@dataclass(frozen=True)
class Source:
    """A public set: its resolution, how uneven the light of its pictures is (order of the fitted surface), and the
    corner (x, y and beyond, in pixels) where a scale bar is burned in.
    """

    name: str
    um_per_px: float
    light_order: int
    bar_corner: tuple[int, int] | None = None

    def hides(self, x: float, y: float) -> bool:
        """Whether a scale bar may lie on a cell at (x, y)."""
        return self.bar_corner is not None and x > self.bar_corner[0] and y > self.bar_corner[1]


@dataclass(frozen=True)
class Candidate:
    """One labelled cell in one picture; x, y its centre in pixels of that picture."""

    source: Source
    file: str
    kind: str
    label: str
    x: float
    y: float


PBC = Source("pbc", 0.10, light_order=1)
# The burned-in bars (8.00 µm = 42 px, 20.00 µm = 104 px) and the median red cell (38 px) agree on 0.19.
CHULA = Source("chula_rbc12", 0.192, light_order=2, bar_corner=(430, 410))


def centred_cells(root: Path, source: Source, labels: frozenset[str]) -> Iterator[Candidate]:
    """Cells of a set of centred crops with a `labels.csv` (file, label), those in `labels` only."""
    for row in _rows(root / source.name / "labels.csv"):
        if row["label"] in labels:
            height, width = picture(root, source, row["file"]).shape[:2]
            kind = NOT_A_LEUKOCYTE.get(row["label"], "leukocyte")
            yield Candidate(source, row["file"], kind, row["label"], width / 2, height / 2)


def pointed_cells(root: Path, source: Source) -> Iterator[Candidate]:
    """Erythrocytes of a set of fields with a `points.csv` (file, x, y, label)."""
    for row in _rows(root / source.name / "points.csv"):
        x, y = float(row["x"]), float(row["y"])
        if not source.hides(x, y):
            yield Candidate(source, row["file"], "erythrocyte", row["label"], x, y)


def picture(root: Path, source: Source, file: str) -> NDArray[np.uint8]:
    """H x W x 3 uint8 RGB of one source picture."""
    path = root / source.name / file
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise SourceError(f"{source.name}/{file}: no picture can be read there; check the data folder")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as table:
            return list(csv.DictReader(table))
    except OSError as error:
        raise SourceError(f"{path}: the table of labels cannot be read; give the data folder") from error
