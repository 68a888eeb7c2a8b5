"""Fits the detector."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from services.analysis.pixels import Rgb
from services.training.detector.crops import load_part, random_crop
from services.training.detector.network import STRIDE, DetectorNetwork
from services.training.detector.targets import Targets
from services.training.fitting import Plan, Task, fit
from services.training.manifest import Manifest
from services.training.splits import Part

_REPEATS = {"deepbionet": 2.0, "txl_pbc": 0.7, "iml_malaria": 0.6}
"""Crops of a field in each epoch; those of small fields show four of them."""
_EASED = 8.0
"""Added to the number of cells of a kind in a batch, lest a single one weigh as much as hundreds."""
_SIDES_WEIGHT = 3.0
logger = logging.getLogger(__name__)


def train(data: Path, manifests: dict[str, Manifest], plan: Plan, folder: Path) -> nn.Module:
    """The fitted network, with averaged weights, ready for export."""
    fields = load_part(data, manifests, Part.TRAIN)
    repeats = np.array([_REPEATS[field.source] for field in fields])
    logger.info("%d fields, %d crops an epoch", len(fields), int(repeats.sum()))

    def order(rng: np.random.Generator) -> Sequence[int]:
        whole = np.repeat(np.arange(len(fields)), np.floor(repeats).astype(int))
        parts = repeats % 1
        some = rng.choice(len(fields), int(repeats.sum()) - len(whole), replace=False, p=parts / parts.sum())
        return [int(index) for index in rng.permutation(np.concatenate([whole, some]))]

    network = DetectorNetwork().to(memory_format=torch.channels_last)
    return fit(network, plan, Task(order, lambda index, rng: random_crop(fields, index, rng), batch_loss), folder)


def batch_loss(network: nn.Module, made: list[tuple[Rgb, Targets]]) -> torch.Tensor:
    """The loss of a batch: focal on the heat maps, generalised IoU on the sides."""
    pixels = torch.from_numpy(np.stack([crop for crop, _ in made])).permute(0, 3, 1, 2).float()
    with torch.autocast("cpu", torch.bfloat16):
        heat, sides = network(pixels.contiguous(memory_format=torch.channels_last))
    targets = [target for _, target in made]
    expected = torch.from_numpy(np.stack([t.heat for t in targets]))
    known = torch.from_numpy(np.stack([t.known for t in targets]))
    boxes = torch.from_numpy(np.stack([t.sides for t in targets]))
    weight = torch.from_numpy(np.stack([t.weight for t in targets]))
    return focal_loss(heat.float(), expected, known) + _SIDES_WEIGHT * sides_loss(sides.float(), boxes, weight)


def focal_loss(logits: torch.Tensor, expected: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """CenterNet's penalty-reduced focal loss (Zhou et al., 2019) where known, each kind's for each of its own cells."""
    probability = torch.sigmoid(logits)
    at_peak = (expected == 1).float()
    hit = at_peak * (1 - probability) ** 2 * functional.logsigmoid(logits)
    miss = (1 - at_peak) * (1 - expected) ** 4 * probability**2 * functional.logsigmoid(-logits)
    by_kind = -((hit + miss) * known).sum(dim=(0, 2, 3)) / (at_peak.sum(dim=(0, 2, 3)) + _EASED)
    return by_kind.sum()


def sides_loss(sides: torch.Tensor, corners: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """1 - generalised IoU (Rezatofighi et al., 2019) between answered and labelled cells, weighted by place."""
    size = sides.shape[-1]
    places = (torch.arange(size, dtype=sides.dtype) + 0.5) * STRIDE
    x, y = places[None, None, :], places[None, :, None]
    left, top, right, bottom = x - sides[:, 0], y - sides[:, 1], x + sides[:, 2], y + sides[:, 3]
    l2, t2, r2, b2 = corners.unbind(1)
    shared = (torch.minimum(right, r2) - torch.maximum(left, l2)).clamp(min=0) * (
        torch.minimum(bottom, b2) - torch.maximum(top, t2)
    ).clamp(min=0)
    union = (right - left) * (bottom - top) + (r2 - l2) * (b2 - t2) - shared
    hull = (torch.maximum(right, r2) - torch.minimum(left, l2)) * (torch.maximum(bottom, b2) - torch.minimum(top, t2))
    giou = shared / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)
    return ((1 - giou) * weight).sum() / weight.sum().clamp(min=1e-6)
