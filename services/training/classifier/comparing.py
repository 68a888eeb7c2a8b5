"""The figures by which classifiers are compared: for each set and label, what is called right and what has a name."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from services.training.classifier.answers import Answers, answer
from services.training.classifier.cells import Cell
from services.training.classifier.design import Design
from services.training.classifier.figures import have_name
from services.training.description import Described
from services.training.manifest import Manifest
from services.training.paired import Difference, difference, right_of_all, share_right
from services.training.splits import Part

Bools: TypeAlias = npt.NDArray[np.bool_]


def differences(
    design: Design, data: Path, manifests: dict[str, Manifest], released: Described, candidate: Described, seed: int
) -> Iterator[Difference]:
    """Of the cells of the test part, by set, resolution and label; a label of no class is best left without a name."""
    cells = design.load(data, manifests, Part.TEST)
    pair = (released, candidate)
    both = [_answers(one, cells, design) for one in pair]
    places = np.array([f"{cell.source} at {cell.um_per_px} µm/px, {cell.label}" for cell in cells])
    for place in dict.fromkeys(places):
        own = [found.of(places == place) for found in both]
        named = [have_name(found, one.words["classes"], one.words) for found, one in zip(own, pair, strict=True)]
        if not any(found.allowed.any() for found in own):
            yield _compared(f"{place}: left without a name", [~has for has in named], seed)
            continue
        yield _compared(f"{place}: called right", [_right(found) for found in own], seed)
        if own[0].targets[0] >= 0:  # a label that allows several classes may stand for one that has none
            yield _compared(f"{place}: named", named, seed)


def _answers(one: Described, cells: Sequence[Cell], design: Design) -> Answers:
    """In the order of the model's own classes, of which it may have more or fewer than the design."""
    found = answer(one.model, cells, lambda cell: cell.crop(design.crop))
    allowed = [
        found.allowed[:, design.classes.index(name)] if name in design.classes else np.zeros(len(cells), bool)
        for name in one.words["classes"]
    ]
    return replace(found, allowed=np.stack(allowed, axis=1))


def _right(found: Answers) -> Bools:
    """Whether the likeliest class is one that the label allows."""
    return np.asarray(found.allowed[np.arange(len(found.targets)), found.probabilities.argmax(axis=1)])


def _compared(place: str, right: list[Bools], seed: int) -> Difference:
    return difference(place, right_of_all(right[0]), right_of_all(right[1]), share_right, seed)
