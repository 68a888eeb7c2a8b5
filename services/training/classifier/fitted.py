"""What a fitted classifier answers before calibration, and its calibrated graph."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from services.training.calibration import Floats, fit_offsets, fit_temperature, fit_whitening
from services.training.classifier.attributes import spans, width
from services.training.classifier.cells import Cell, targets, told
from services.training.classifier.design import Design
from services.training.classifier.graph import ClassifierGraph, to_input

_BATCH = 64
_DIRECTIONS = 64
_CELLS_OF_A_CLASS = 300


def answers(network: nn.Module, cells: Sequence[Cell], design: Design) -> tuple[Floats, Floats, Floats]:
    """Logits, embeddings and attributes' logits of cells."""
    found = []
    for start in range(0, len(cells), _BATCH):
        crops = np.stack([cell.crop(design.crop) for cell in cells[start : start + _BATCH]])
        with torch.no_grad():
            found.append(network(to_input(torch.from_numpy(crops), design.size)))
    logits, embeddings, values = (torch.cat(parts).double().numpy() for parts in zip(*found, strict=True))
    return logits, embeddings, values


def calibrated(
    network: nn.Module, train: Sequence[Cell], validation: Sequence[Cell], design: Design, seed: int
) -> ClassifierGraph:
    """The graph, its temperature and offsets fitted on validation cells, its distance on cells of the training.

    Cells that no class is allowed for are left out of both.
    """
    known = [cell for cell in validation if cell.allowed.any()]
    logits, _, values = answers(network, known, design)
    allowed = np.stack([cell.allowed for cell in known])
    temperature = fit_temperature(logits, allowed)
    offsets = fit_offsets(logits / temperature, allowed) if design.weighed else np.zeros(len(design.classes))
    chosen = _some_of_each(train, len(design.classes), np.random.default_rng(seed))
    _, embeddings, _ = answers(network, chosen, design)
    whitening = fit_whitening(embeddings, targets(chosen), len(design.classes), _DIRECTIONS)
    marks = told(known, width(design.attributes))
    columns = [(span, _temperature_of(values[:, span], marks[:, span])) for _, span in spans(design.attributes)]
    return ClassifierGraph(network, design, temperature, offsets, whitening, columns)


def _temperature_of(logits: Floats, marks: npt.NDArray[np.bool_]) -> float:
    known = marks.any(axis=1)
    return fit_temperature(logits[known], marks[known])


def _some_of_each(cells: Sequence[Cell], classes: int, rng: np.random.Generator) -> list[Cell]:
    places = targets(cells)
    chosen = [rng.permutation(np.flatnonzero(places == index))[:_CELLS_OF_A_CLASS] for index in range(classes)]
    return [cells[int(index)] for index in np.concatenate(chosen)]
