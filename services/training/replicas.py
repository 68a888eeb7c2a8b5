"""A batch divided among threads, each with its own copy of the network.

On shared cores this is faster than dividing every operation: threads meet once a step, not at each layer.
"""

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import nn

T = TypeVar("T")


class Replicas:
    """The network and copies of it, one for each thread. The result does not depend on which thread is faster."""

    def __init__(self, network: nn.Module, threads: int) -> None:
        self._all = [network, *(copy.deepcopy(network) for _ in range(threads - 1))]
        self._pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

    def gradients(self, loss: Callable[[nn.Module, list[T]], torch.Tensor], made: list[T]) -> float:
        """Sets the network's gradients to those of the mean loss of the parts of a batch, and returns that loss."""
        count = len(self._all)
        parts = [made[index::count] for index in range(count)]
        losses = list(self._pool.map(lambda pair: self._backward(loss, *pair), zip(self._all, parts, strict=True)))
        for first, *others in zip(*(network.parameters() for network in self._all), strict=True):
            if first.grad is not None:
                first.grad = sum((other.grad for other in others), first.grad) / count
        return sum(losses) / count

    def _backward(self, loss: Callable[[nn.Module, list[T]], torch.Tensor], network: nn.Module, part: list[T]) -> float:
        if network is not self._all[0]:
            with torch.no_grad():
                for own, leading in zip(network.parameters(), self._all[0].parameters(), strict=True):
                    own.copy_(leading)
        network.train()
        network.zero_grad(set_to_none=True)
        value = loss(network, part)
        value.backward()
        return float(value.detach())
