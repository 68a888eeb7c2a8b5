"""Measures a released classifier on the test part."""

from pathlib import Path
from typing import Any

import numpy as np

from services.training import plots
from services.training.classifier.answers import Answers, answer
from services.training.classifier.design import Design
from services.training.classifier.figures import (
    accuracy_line,
    answers_section,
    attributes_section,
    binary_section,
    classes_section,
    groups_section,
    refusal_section,
    watched_section,
)
from services.training.classifier.robustness import robustness_section
from services.training.classifier.sought import sought_section
from services.training.classifier.views import Company, disturbed
from services.training.manifest import Manifest
from services.training.runtime import Model
from services.training.splits import Part

_BATCH = 32
_DISTURBED = "\nThe same cells disturbed as in training (off centre, other stain, focus, resolution, JPEG):\n\n"


def measure(
    design: Design, data: Path, manifests: dict[str, Manifest], model: Model, described: dict[str, Any], folder: Path
) -> str:
    """The card's sections of figures; their pictures are written into ``folder``."""
    cells = design.load(data, manifests, Part.TEST)
    found = answer(model, cells, lambda cell: cell.crop(design.crop))
    rng = np.random.default_rng(described["origin"]["seed"])
    company = Company.of(cells)
    harder = answer(model, cells, lambda cell: disturbed(cell, design, design.crop, company, rng))
    places = [(cell.source, cell.um_per_px) for cell in cells]
    masks = {place: np.array([one == place for one in places]) for place in dict.fromkeys(places)}
    text = []
    for place, own in masks.items():
        text.append(f"### {place[0]}, taken at {place[1]} µm/px\n")
        text.append(_of_place(found.of(own), harder.of(own), design, described))
    plots.draw({f"{source}, {um} µm/px": found.of(own) for (source, um), own in masks.items()}, folder)
    text.append(f"![Reliability]({plots.RELIABILITY_FILE}) ![Risk by coverage]({plots.RISK_FILE})\n")
    text.append(robustness_section(model, cells, design, described))
    text.append(f"One cell takes {1000 * model.seconds_each(_BATCH):.2f} ms on one thread, in batches of {_BATCH}.\n")
    return "\n".join(text)


def _of_place(found: Answers, harder: Answers, design: Design, described: dict[str, Any]) -> str:
    seed, sections = described["origin"]["seed"], []
    if design.sought:
        of_sought = [sought_section(answers, design.classes, design.sought, seed) for answers in (found, harder)]
        sections.append(_DISTURBED.join(of_sought))
    if len(found.none.targets):
        of_none = (answers_section(answers.none, design.classes, described) for answers in (found, harder))
        sections.append(_DISTURBED.join(of_none))
    if not len(found.single.targets):
        return "\n".join(sections)
    if len(set(found.single.targets)) == 1:
        of_one_class = _one_class if found.allowed.all(axis=0).any() else _one_against_others
        sections.append(_DISTURBED.join(of_one_class(answers, design, described) for answers in (found, harder)))
        return "\n".join(sections)
    sections.append(classes_section(found.single, design.classes, seed))
    if design.groups:
        sections.append(groups_section(found, design.classes, design.groups))
    sections.append(refusal_section(found.single, design.classes, described))
    if design.watched:
        sections.append(watched_section(found.single, design.classes, design.watched, described))
    if found.told.any():
        sections.append(attributes_section(found, design.attributes, seed))
    sections.append(_DISTURBED + accuracy_line(harder.single, design.classes, seed))
    sections.append(refusal_section(harder.single, design.classes, described))
    return "\n".join(sections)


def _one_class(found: Answers, design: Design, described: dict[str, Any]) -> str:
    return answers_section(found, design.classes, described)


def _one_against_others(found: Answers, design: Design, _: dict[str, Any]) -> str:
    return binary_section(found, design.classes, design.classes[int(found.single.targets[0])])
