"""Measures a released classifier on the test part."""

from pathlib import Path
from typing import Any

import numpy as np

from services.training.classifier.answers import Answers, answer
from services.training.classifier.design import Design
from services.training.classifier.figures import (
    accuracy_line,
    answers_section,
    binary_section,
    classes_section,
    groups_section,
    refusal_section,
    watched_section,
)
from services.training.classifier.sought import sought_section
from services.training.classifier.views import disturbed
from services.training.manifest import Manifest
from services.training.runtime import Model
from services.training.splits import Part

_BATCH = 32
_DISTURBED = "\nThe same cells disturbed as in training (off centre, other stain, focus, resolution, JPEG):\n\n"


def measure(design: Design, data: Path, manifests: dict[str, Manifest], model: Model, described: dict[str, Any]) -> str:
    """The card's sections of figures."""
    cells = design.load(data, manifests, Part.TEST)
    found = answer(model, cells, lambda cell: cell.crop(design.crop))
    rng = np.random.default_rng(described["origin"]["seed"])
    harder = answer(model, cells, lambda cell: disturbed(cell, design, design.crop, cells, rng))
    places = [(cell.source, cell.um_per_px) for cell in cells]
    text = []
    for place in dict.fromkeys(places):
        text.append(f"### {place[0]}, taken at {place[1]} µm/px\n")
        own = np.array([one == place for one in places])
        text.append(_of_place(found.of(own), harder.of(own), design, described))
    text.append(f"One cell takes {1000 * model.seconds_each(_BATCH):.2f} ms on one thread, in batches of {_BATCH}.\n")
    return "\n".join(text)


def _of_place(found: Answers, harder: Answers, design: Design, described: dict[str, Any]) -> str:
    seed, known = described["origin"]["seed"], set(found.single.targets)
    sections = []
    if design.sought:
        of_sought = [sought_section(answers, design.classes, design.sought, seed) for answers in (found, harder)]
        sections.append(_DISTURBED.join(of_sought))
    if len(known) > 1:
        sections.append(classes_section(found.single, design.classes, seed))
        if design.groups:
            sections.append(groups_section(found, design.classes, design.groups))
        sections.append(refusal_section(found.single, design.classes, described))
        if design.watched:
            sections.append(watched_section(found.single, design.classes, design.watched, described))
        sections.append(_DISTURBED + accuracy_line(harder.single, design.classes, seed))
        sections.append(refusal_section(harder.single, design.classes, described))
    elif known and (~found.allowed[:, (index := known.pop())]).any():
        of_one = [binary_section(answers, design.classes, design.classes[index]) for answers in (found, harder)]
        sections.append(_DISTURBED.join(of_one))
    return "\n".join([*sections, *_called(found, harder, design, described)])


def _called(found: Answers, harder: Answers, design: Design, described: dict[str, Any]) -> list[str]:
    """What the cells are called whose label tells no class, or that are of a place where it is always the same."""
    several = len(set(found.single.targets)) > 1
    labels = dict.fromkeys(found.labels[found.targets < 0] if several else found.labels)
    return [
        _DISTURBED.join(
            answers_section(answers.of(answers.labels == label), design.classes, described)
            for answers in (found, harder)
        )
        for label in labels
    ]
