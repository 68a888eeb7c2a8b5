"""How probable it is that a blob of nuclear stain is a nucleated cell."""

import numpy as np
from numpy.typing import NDArray

from services.ingestion.film.blobs import Column, Shape


def features(shape: Shape) -> NDArray[np.float64]:
    """What the score weighs, one row for each blob."""
    size = np.log(np.maximum(shape.area_um2, 1.0) / 60.0)
    density = shape.density - 0.75
    columns = (
        np.ones_like(size),
        size,
        size**2,
        density,
        size * density,
        shape.scatter,
        shape.elongation - 1,
        shape.compactness,
    )
    return np.stack(columns, axis=1).astype(np.float64)


WEIGHTS = np.array([-1.183, 0.58, -1.464, 17.474, 4.082, 5.861, 1.767, 2.132])
"""Logistic weights, fitted by `benchmarks/film_score.py` on composed films and the real fields of DeepBioNet."""


def nucleus_probability(shape: Shape) -> Column:
    """Probability of a nucleated cell, 0–1, per row."""
    return np.asarray(1 / (1 + np.exp(-(features(shape) @ WEIGHTS))), np.float32)
