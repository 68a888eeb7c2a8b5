"""Morphological attributes: what a classifier says of a cell besides its class, one value of each attribute.

All values of all attributes stand in one row, in the order of the mapping of attribute → values.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

Attributes = Mapping[str, tuple[str, ...]]


def width(attributes: Attributes) -> int:
    """How many values there are in all."""
    return sum(map(len, attributes.values()))


def spans(attributes: Attributes) -> Iterator[tuple[str, slice]]:
    """Each attribute with the columns of its values."""
    start = 0
    for name, values in attributes.items():
        yield name, slice(start, start + len(values))
        start += len(values)


def marked(told: Mapping[str, str], attributes: Attributes) -> npt.NDArray[np.bool_]:
    """The values that are told of a cell; of an attribute of which nothing is told, none. Raises KeyError."""
    row = np.zeros(width(attributes), bool)
    for name, span in spans(attributes):
        if name in told:
            row[span] = [value == told[name] for value in attributes[name]]
            if not row[span].any():
                raise KeyError(f"{name} has no value {told[name]!r}; known are {', '.join(attributes[name])}")
    return row
