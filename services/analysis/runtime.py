"""What analysis asks of whatever runs the models: onnxruntime in this process, or a Triton server."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""Arrays by the names that the model's graph gives them."""


class ModelRuntime(Protocol):
    """Runs models by name. An input of any number of items (first axis, at least one) gives outputs of as many.

    The result for an item does not depend on which items share its batch.
    """

    def infer(self, model: str, inputs: Arrays) -> Arrays:
        """The model's outputs. Raises TransientError when the runtime cannot be reached now."""
        ...

    def warm(self) -> None:
        """Return once every model is loaded and has run at each of its batch sizes; quick when that is so already."""
        ...

    @property
    def is_warm(self) -> bool:
        """Whether `warm` has nothing left to do."""
        ...


def padded(items: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """`items` with its last item repeated until there are `size`, so that a model sees only its own batch sizes."""
    missing = size - len(items)
    if missing <= 0:
        return items
    return np.concatenate([items, np.repeat(items[-1:], missing, axis=0)])


def batch_plan(count: int, sizes: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """How `count` items are run at fixed batch `sizes` (ascending): first item, past-the-last item, batch size.

    Whole batches of the largest size, then one of the smallest size that holds the rest.
    """
    plan = []
    start = 0
    while start < count:
        size = next((size for size in sizes if size >= count - start), sizes[-1])
        stop = min(start + size, count)
        plan.append((start, stop, size))
        start = stop
    return plan
