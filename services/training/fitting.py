"""The loop that fits any of the networks: samples made beside the steps, one cycle of the rate, averaged weights."""

import copy
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import nn

from services.training.replicas import Replicas

T = TypeVar("T")
_AHEAD = 4
_AVERAGE = 0.998
_STEEPEST = 10.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How long and how fast a network is fitted."""

    epochs: int
    batch: int
    rate: float
    decay: float
    seed: int
    threads: int


@dataclass(frozen=True)
class Task(Generic[T]):
    """What a network is fitted to."""

    order: Callable[[np.random.Generator], Sequence[int]]
    """Chooses the samples of an epoch, as many in each."""
    sample: Callable[[int, np.random.Generator], T]
    """Makes one sample."""
    loss: Callable[[nn.Module, list[T]], torch.Tensor]
    """Judges a network on a batch of samples."""


def batches(
    sample: Callable[[int, np.random.Generator], T], order: Sequence[int], size: int, seed: tuple[int, ...]
) -> Iterator[list[T]]:
    """Full batches of samples, made ahead by threads; each sample has its own generator, so order does not matter."""

    def batch(start: int) -> list[T]:
        return [sample(order[i], np.random.default_rng((*seed, i))) for i in range(start, start + size)]

    with ThreadPoolExecutor(1) as pool:
        starts = list(range(0, len(order) - size + 1, size))
        waiting = [pool.submit(batch, start) for start in starts[:_AHEAD]]
        for position in range(len(starts)):
            if position + _AHEAD < len(starts):
                waiting.append(pool.submit(batch, starts[position + _AHEAD]))
            yield waiting.pop(0).result()


def fit(network: nn.Module, plan: Plan, task: Task[T], folder: Path) -> nn.Module:
    """Fits the network and returns it with averaged weights, also kept as ``weights.pt`` after each epoch."""
    torch.manual_seed(plan.seed)
    folder.mkdir(parents=True, exist_ok=True)
    averaged = copy.deepcopy(network)
    replicas = Replicas(network, plan.threads)
    optimiser = torch.optim.AdamW(_parameters(network, plan), lr=plan.rate)
    schedule = _schedule(optimiser, plan, len(task.order(np.random.default_rng(plan.seed))))
    step = 0
    for epoch in range(plan.epochs):
        started, losses = time.monotonic(), []
        chosen = task.order(np.random.default_rng((plan.seed, epoch)))
        for made in batches(task.sample, chosen, plan.batch, (plan.seed, epoch)):
            losses.append(replicas.gradients(task.loss, made))
            nn.utils.clip_grad_norm_(network.parameters(), _STEEPEST)
            optimiser.step()
            schedule.step()
            step += 1
            _average(averaged, network, min(_AVERAGE, (1 + step) / (10 + step)))
        torch.save(averaged.state_dict(), folder / "weights.pt")
        _log(folder, epoch=epoch, loss=round(float(np.mean(losses)), 4), seconds=round(time.monotonic() - started))
    return averaged.eval()


def _schedule(optimiser: torch.optim.Optimizer, plan: Plan, samples: int) -> torch.optim.lr_scheduler.OneCycleLR:
    steps = plan.epochs * (samples // plan.batch)
    rates = [group["lr"] for group in optimiser.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps, pct_start=0.15)


def _parameters(network: nn.Module, plan: Plan) -> list[dict[str, Any]]:
    """Weights that decay, and gains and offsets that do not."""
    free = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in free if p.ndim > 1], "lr": plan.rate, "weight_decay": plan.decay},
        {"params": [p for p in free if p.ndim <= 1], "lr": plan.rate, "weight_decay": 0.0},
    ]


def _average(averaged: nn.Module, network: nn.Module, share: float) -> None:
    with torch.no_grad():
        for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - share)
            else:
                mean.copy_(value)


def _log(folder: Path, **entry: float) -> None:
    logger.info("%s", entry)
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
