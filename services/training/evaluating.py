"""The figures of a released model on any folder of labelled pictures, in the formats of the data sets.

- ``labels.csv`` (``file,label``): pictures of one centred cell each;
- ``points.csv`` (``file,x,y,label``): centres of cells in pictures, in pixels;
- ``labels.json`` (COCO): boxes of cells in fields, for the detector.

Labels that the model has no class for are cells it must refuse.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from services.analysis.pixels import CANONICAL_UM_PER_PX, resample
from services.training.classes import KINDS
from services.training.classifier.answers import Answers, answer
from services.training.classifier.cells import Cell, middle, one_of
from services.training.classifier.design import DESIGNS, Design
from services.training.classifier.figures import answers_section, classes_section, have_name, refusal_section
from services.training.classifier.sought import sought_section
from services.training.description import Described
from services.training.detector.crops import load_field
from services.training.detector.evaluation import Scored, counts, figures, score
from services.training.detector.figures import HEAD, f1_of, row
from services.training.errors import DataSetError
from services.training.intervals import bootstrap, clopper_pearson
from services.training.sources import fields_of, labelled_images, labelled_points, read_image
from services.training.tables import table

_SEED = 1
Json = dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """What was measured: for a person, and for programs."""

    text: str
    values: Json


def evaluate(name: str, model: Path, data: Path, um_per_px: float) -> Evaluation:
    """A model's figures on a folder whose pictures were taken at ``um_per_px``. Raises DataSetError, ModelFileError."""
    described = Described.of(model)
    head = {"model": name, "version": described.words["version"], "sha256": described.words["sha256"]}
    measured = (
        _detector(described, data, um_per_px) if name == "detector" else _classifier(name, described, data, um_per_px)
    )
    return Evaluation(measured.text, {**head, **measured.values})


def _classifier(name: str, described: Described, data: Path, um_per_px: float) -> Evaluation:
    design = replace(DESIGNS[name], classes=tuple(described.words["classes"]))
    cells = list(_cells(design, data, um_per_px))
    found = answer(described.model, cells, lambda cell: cell.crop(design.crop))
    sections = []
    if design.sought:
        sections.append(sought_section(found, design.classes, design.sought, _SEED))
    if len(set(found.single.targets)) > 1:
        sections.append(classes_section(found.single, design.classes, _SEED))
        sections.append(refusal_section(found.single, design.classes, described.words))
    by_label = {label: found.of(found.labels == label) for label in sorted(set(found.labels))}
    sections += [answers_section(own, design.classes, described.words) for own in by_label.values()]
    labels = {label: _label(own, design, described.words) for label, own in by_label.items()}
    return Evaluation("\n".join(sections), {"cells": len(cells), "labels": labels})


def _label(found: Answers, design: Design, words: Mapping[str, Any]) -> Json:
    named, best = have_name(found, design.classes, words), found.probabilities.argmax(axis=1)
    values = {"cells": len(named), "named": _share(named)}
    if found.allowed.any():
        right = found.allowed[np.arange(len(best)), best]
        values |= {"likeliest_right": _share(right), "named_wrong": _share(named & ~right)}
    return values


def _cells(design: Design, data: Path, um_per_px: float) -> Iterator[Cell]:
    """Cells with the classes that their labels allow: none for a label that the model does not know."""
    if (data / "labels.csv").exists():
        for item in labelled_images(data.parent, data.name):
            image = resample(read_image(item.path), um_per_px)
            allowed = one_of(design.labels.get(item.label, ()), design.classes)
            yield Cell(image, *middle(image), item.label, allowed, data.name, um_per_px)
    elif (data / "points.csv").exists():
        scale = um_per_px / CANONICAL_UM_PER_PX
        for path, points in labelled_points(data.parent, data.name).items():
            image = resample(read_image(path), um_per_px)
            for point in points:
                allowed = one_of(design.labels.get(point.label, ()), design.classes)
                place = (point.x * scale, point.y * scale)
                yield Cell(image, *place, point.label, allowed, data.name, um_per_px)
    else:
        raise DataSetError(f"{data.name}: neither labels.csv (file,label) nor points.csv (file,x,y,label) is there")


def _detector(described: Described, data: Path, um_per_px: float) -> Evaluation:
    thresholds = described.words["score_thresholds"]
    fields = [load_field(field) for field in fields_of(data, um_per_px)]
    scored = score(fields, lambda tiles: described.model(tiles)[0])
    rows = [row((data.name, len(fields), kind), scored[kind], thresholds[kind], _SEED) for kind in KINDS]
    values = {kind: _kind(scored[kind], thresholds[kind]) for kind in KINDS}
    return Evaluation(table(HEAD, rows), {"fields": len(fields), "kinds": values})


def _kind(scored: Scored, threshold: float) -> Json:
    found = figures(scored, threshold)
    low, high = bootstrap(counts(scored, threshold), f1_of, _SEED)
    f1 = {"value": found.f1, "low": low, "high": high}
    return {"labelled": found.labelled, "found": found.found, "correct": found.correct, "f1": f1}


def _share(chosen: Any) -> Json:
    count, of = int(chosen.sum()), len(chosen)
    low, high = clopper_pearson(count, of)
    return {"count": count, "share": count / of, "low": low, "high": high}
