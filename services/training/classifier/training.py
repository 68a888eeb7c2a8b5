"""Fits a classifier."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from services.analysis.pixels import Rgb
from services.training.classifier.attributes import Attributes, spans, width
from services.training.classifier.cells import Cell, told
from services.training.classifier.design import Design
from services.training.classifier.network import ClassifierNetwork
from services.training.classifier.views import Company, disturbed
from services.training.fitting import Plan, Task, fit
from services.training.manifest import Manifest
from services.training.splits import Part

_SMOOTHING = 0.05
_ATTRIBUTES_WEIGHT = 0.5
Sample = tuple[Rgb, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
"""A crop, the classes it allows, and the attributes' values that are told of it."""
logger = logging.getLogger(__name__)


def train(design: Design, data: Path, manifests: dict[str, Manifest], plan: Plan, folder: Path) -> nn.Module:
    """The fitted network, with averaged weights, ready for calibration and export."""
    cells = design.load(data, manifests, Part.TRAIN)
    groups = _by_source_and_meaning(cells)
    logger.info("%d cells: %s", len(cells), {name: len(own) for name, own in groups.items()})
    company = Company.of(cells)
    marks = told(cells, width(design.attributes))

    def sample(index: int, rng: np.random.Generator) -> Sample:
        cell = cells[index]
        return disturbed(cell, design, design.size, company, rng), cell.allowed, marks[index]

    task = Task(
        lambda rng: balanced(list(groups.values()), design.per_class, rng),
        sample,
        lambda network, made: batch_loss(network, made, design.attributes),
    )
    return fit(ClassifierNetwork.of(design).to(memory_format=torch.channels_last), plan, task, folder)


def balanced(groups: Sequence[Sequence[int]], per_group: int, rng: np.random.Generator) -> list[int]:
    """A shuffled draw from each group: of large ones ``per_group``, of small ones each, up to half of that again."""
    drawn: list[int] = []
    for group in groups:
        whole = rng.permutation(group)[:per_group]
        again = rng.choice(group, max(0, min(per_group // 2, 3 * len(group)) - len(whole)))
        drawn += [int(index) for index in (*whole, *again)]
    return [drawn[index] for index in rng.permutation(len(drawn))]


def batch_loss(network: nn.Module, made: list[Sample], attributes: Attributes) -> torch.Tensor:
    """The loss of a batch: of the classes, and of the attributes where there are any."""
    crops, masks, marks = zip(*made, strict=True)
    pixels = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()
    logits, _, values = network(pixels.contiguous(memory_format=torch.channels_last))
    loss = class_loss(logits, torch.from_numpy(np.stack(masks)))
    if attributes:
        loss = loss + _ATTRIBUTES_WEIGHT * attributes_loss(values, torch.from_numpy(np.stack(marks)), attributes)
    return loss


def class_loss(logits: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """Negative log-probability of the allowed classes, a little of all classes' added against overconfidence.

    Of a cell that no class is allowed for, that of all classes alike: it should be none of them more than another
    (outlier exposure, Hendrycks et al., 2019).
    """
    logs = torch.log_softmax(logits, dim=1)
    known, alike = allowed.any(dim=1), logs.mean(dim=1)
    wanted = torch.logsumexp(logs.masked_fill(~allowed & known[:, None], float("-inf")), dim=1)
    return -torch.where(known, (1 - _SMOOTHING) * wanted + _SMOOTHING * alike, alike).mean()


def attributes_loss(logits: torch.Tensor, told: torch.Tensor, attributes: Attributes) -> torch.Tensor:
    """Negative log-probability of the values told, by attribute and cell of the batch; 0 where nothing is told."""
    parts = [(torch.log_softmax(logits[:, span], dim=1) * told[:, span]).sum() for _, span in spans(attributes)]
    return -torch.stack(parts).sum() / (len(parts) * len(logits))


def _by_source_and_meaning(cells: Sequence[Cell]) -> dict[str, list[int]]:
    """The places of the cells of one source that allow the same classes, under that source and their first label."""
    places: dict[tuple[str, bytes], list[int]] = {}
    for index, cell in enumerate(cells):
        places.setdefault((cell.source, cell.allowed.tobytes()), []).append(index)
    return dict(sorted((f"{cells[own[0]].source} {cells[own[0]].label}", own) for own in places.values()))
