"""Leukocytes of sets that say where they are and not of which class, with classes from the committed readings."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from services.training.classes import LEUKOCYTE_LABELS, LEUKOCYTES
from services.training.classifier.cells import Cell, middle, one_of, surroundings
from services.training.manifest import Manifest
from services.training.sources import LabelledPoint, detection_fields
from services.training.splits import Part

_READINGS = Path(__file__).parents[1] / "readings"


def read_leukocytes(data: Path, manifest: Manifest, part: Part, around: int) -> Iterator[Cell]:
    """The leukocytes of a set that were named by reading, each in a picture of side ``around``."""
    readings = _readings(manifest.source)
    for field in detection_fields(data, manifest.source):
        points = readings[field.path.stem]
        if not points or manifest.part(field.path) is not part:
            continue
        for point, picture in zip(points, surroundings(field, [(p.x, p.y) for p in points], around), strict=True):
            allowed = one_of(LEUKOCYTE_LABELS[point.label], LEUKOCYTES)
            yield Cell(picture, *middle(picture), point.label, allowed, manifest.source, field.um_per_px)


def _readings(source: str) -> defaultdict[str, list[LabelledPoint]]:
    points: defaultdict[str, list[LabelledPoint]] = defaultdict(list)
    with (_READINGS / f"{source}.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            points[row["picture"]].append(LabelledPoint(float(row["x"]), float(row["y"]), row["label"]))
    return points
