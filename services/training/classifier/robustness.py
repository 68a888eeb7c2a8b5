"""How far a classifier's figures fall with each change of the picture, for its card."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from services.analysis.pixels import Rgb, centred_crop
from services.training.classifier.answers import Answers, answer
from services.training.classifier.cells import Cell, middle
from services.training.classifier.design import Design
from services.training.classifier.figures import have_name
from services.training.classifier.sought import average_precision
from services.training.classifier.views import Company, on_ground_of, one_of_them
from services.training.looks import in_the_look_of
from services.training.runtime import Model
from services.training.stress import STRESSES, Stress
from services.training.tables import share, table

_OF_A_CLASS = 40
"""Cells of a class and place that the figures are of: as many as make them steady, few enough to be quick."""
_ALARM = 0.9
"""Probability of what is sought from which an uninfected film would be looked at."""


@dataclass(frozen=True)
class Guise:
    """One way in which cells are shown, and of which it can be said."""

    what: str
    how: str
    view: Callable[[Cell], Rgb]
    fits: Callable[[Cell], bool] = lambda _: True


def robustness_section(model: Model, cells: Sequence[Cell], design: Design, described: dict[str, Any]) -> str:
    """A line for each change, a column for each set and resolution whose cells have a class, with how many they are."""
    chosen = _some_of_each(cells, described["origin"]["seed"])
    places = np.array([_place(cell) for cell in chosen])
    names = list(dict.fromkeys(places))
    rows = []
    for guise in _guises(cells, design, described["origin"]["seed"]):
        fitting = np.array([guise.fits(cell) for cell in chosen])
        found = answer(model, [cell for cell, fits in zip(chosen, fitting, strict=True) if fits], guise.view)
        figures = (_figure(found.of(places[fitting] == name), design, described) for name in names)
        rows.append((guise.what, guise.how, *figures))
    head = ("what", "how", *(f"{name}: {(places == name).sum()} cells" for name in names))
    return "\n".join(["### Robustness\n", _explained(design), table(head, rows)])


def _guises(cells: Sequence[Cell], design: Design, seed: int) -> Iterator[Guise]:
    """Each change by itself, then the looks of each set, and others' red cells where cells can be laid on them."""
    for stress in STRESSES:
        yield Guise(stress.what, stress.how, _changed(stress, design))
    rng = np.random.default_rng(seed)
    for source in dict.fromkeys(cell.source for cell in cells):
        yield Guise("look", f"of {source}", _in_look([cell for cell in cells if cell.source == source], design, rng))
    company = Company.of(cells)
    if company.grounds:
        yield Guise(
            "ground",
            "cells that stand alone, laid on red cells of another laboratory",
            _on_ground(company, design, rng),
            lambda cell: cell.reach is not None,
        )


def _changed(stress: Stress, design: Design) -> Callable[[Cell], Rgb]:
    def view(cell: Cell) -> Rgb:
        crop = cell.crop(round(design.crop / stress.zoom))
        if stress.zoom != 1:
            crop = np.asarray(cv2.resize(crop, (design.crop, design.crop), interpolation=cv2.INTER_LINEAR), np.uint8)
        return stress.change(crop)

    return view


def _in_look(others: Sequence[Cell], design: Design, rng: np.random.Generator) -> Callable[[Cell], Rgb]:
    return lambda cell: in_the_look_of(cell.crop(design.crop), one_of_them(others, rng).crop(design.crop))


def _on_ground(company: Company, design: Design, rng: np.random.Generator) -> Callable[[Cell], Rgb]:
    def view(cell: Cell) -> Rgb:
        laid = on_ground_of(cell, design, company, rng)
        return centred_crop(laid, *middle(laid), design.crop)

    return view


def _figure(found: Answers, design: Design, described: dict[str, Any]) -> str:
    if not len(found.targets):
        return "none"
    if design.sought:
        own = np.array([name in design.sought for name in design.classes])
        positive = own[found.targets]
        precision = average_precision(found.probabilities[:, own].sum(axis=1), positive)
        if positive.any():
            return share(precision)
        return f"{int((found.probabilities[:, own].sum(axis=1) >= _ALARM).sum())} of {len(positive)}"
    right = found.allowed[np.arange(len(found.allowed)), found.probabilities.argmax(axis=1)]
    named = have_name(found, design.classes, described)
    wrong = float((named & ~right).mean())
    return f"{share(_mean_by_label(right, found.allowed))}, {share(wrong)}"


def _explained(design: Design) -> str:
    if design.sought:
        return (
            f"Up to {_OF_A_CLASS} test cells of each class, each changed in one thing: average precision of what is "
            f"sought; of sets without it, how many cells reach a probability of {_ALARM}.\n"
        )
    return (
        f"Up to {_OF_A_CLASS} test cells of each class, each changed in one thing: share whose likeliest class is one "
        "that their label allows (mean over labels), and share that is given a name that it does not.\n"
    )


def _mean_by_label(right: npt.NDArray[np.bool_], allowed: npt.NDArray[np.bool_]) -> float:
    labels = np.unique(allowed, axis=0, return_inverse=True)[1].ravel()
    return float(np.mean([right[labels == one].mean() for one in np.unique(labels)]))


def _some_of_each(cells: Sequence[Cell], seed: int) -> list[Cell]:
    groups: dict[tuple[str, bytes], list[int]] = {}
    for index, cell in enumerate(cells):
        if cell.allowed.any():
            groups.setdefault((_place(cell), cell.allowed.tobytes()), []).append(index)
    rng = np.random.default_rng(seed)
    return [cells[int(index)] for own in groups.values() for index in rng.permutation(own)[:_OF_A_CLASS]]


def _place(cell: Cell) -> str:
    return f"{cell.source}, {cell.um_per_px} µm/px"
