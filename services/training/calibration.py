"""Makes a classifier's answers mean what they say: temperature, conformal sets, distance from the known.

Temperature and offsets (vector scaling) after Guo et al. (2017); conformal sets by class (label-conditional LAC,
Sadinle et al., 2019); distance after Lee et al. (2018): Mahalanobis to the nearest class with one covariance; or, in
the same coordinates, the angle to it (after Techapanurak et al., 2020).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, logsumexp

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
COVERAGE = 0.95
UNSURE_QUANTILE = 0.03
"""Share of the known cells, disturbed, that no class is probable enough for."""
_SHRINKAGE = 0.05
_OFFSETS_HELD = 0.1
"""Weight of the mean square of the offsets beside the loss: a class of a handful of cells is not moved far."""


@dataclass(frozen=True)
class Whitening:
    """Turns an embedding into coordinates in which every class is a ball of radius about one around its centre."""

    projection: Floats
    """embedding x directions"""
    centres: Floats
    """classes x directions"""

    @property
    def middle(self) -> Floats:
        """The middle of the centres."""
        return np.asarray(self.centres.mean(axis=0))

    @property
    def bearings(self) -> Floats:
        """Classes x directions: where each centre lies as seen from the middle, of length one."""
        apart = self.centres - self.middle
        return np.asarray(apart / np.linalg.norm(apart, axis=1, keepdims=True))

    def distance(self, embeddings: Floats) -> Floats:
        """Squared distance to the nearest class's centre, per direction."""
        placed = embeddings @ self.projection
        apart = ((placed[:, None] - self.centres[None]) ** 2).mean(axis=2)
        return np.asarray(apart.min(axis=1))

    def angle(self, embeddings: Floats) -> Floats:
        """1 less the cosine of the angle to the nearest class: 0 in line with it, 1 at a right angle, 2 at most.

        How far a cell goes in its direction says how much of it is seen (of a blurred one less), and not what it is.
        """
        placed = embeddings @ self.projection - self.middle
        cosines = placed @ self.bearings.T / np.linalg.norm(placed, axis=1, keepdims=True)
        return np.asarray(1 - cosines.max(axis=1))


def set_log_loss(logits: Floats, allowed: Bools, temperature: float = 1.0) -> float:
    """Mean negative log-probability of the allowed classes (n x classes, true where allowed)."""
    logs = log_softmax(logits / temperature, axis=1)
    return float(-logsumexp(np.where(allowed, logs, -np.inf), axis=1).mean())


def fit_temperature(logits: Floats, allowed: Bools) -> float:
    """The temperature, between 0.25 and 8, that makes the labels most probable."""

    def loss(power: float) -> float:
        return set_log_loss(logits, allowed, float(np.exp(power)))

    found = minimize_scalar(loss, bounds=(np.log(0.25), np.log(8)), method="bounded")
    return float(np.exp(found.x))


def fit_offsets(logits: Floats, allowed: Bools) -> Floats:
    """What is to be added to each class's logit so that the labels become most probable.

    A network that was trained with all classes as frequent as each other finds too many of the rare ones; with the
    offsets, classes weigh as they are frequent among the cells given here.
    """

    def loss(offsets: Floats) -> float:
        return set_log_loss(logits + offsets, allowed) + _OFFSETS_HELD * float((offsets**2).mean())

    return np.asarray(minimize(loss, np.zeros(logits.shape[1]), method="L-BFGS-B").x)


def fit_whitening(embeddings: Floats, labels: npt.NDArray[np.int64], classes: int, directions: int) -> Whitening:
    """Class centres and shared covariance, in the ``directions`` in which the centres and cells vary most."""
    axes = np.linalg.svd(embeddings - embeddings.mean(axis=0), full_matrices=False)[2][:directions].T
    placed = embeddings @ axes
    centres = np.stack([placed[labels == index].mean(axis=0) for index in range(classes)])
    within = placed - centres[labels]
    covariance = within.T @ within / len(within)
    covariance += _SHRINKAGE * np.trace(covariance) / directions * np.eye(directions)
    whiten = np.linalg.inv(np.linalg.cholesky(covariance)).T
    return Whitening(axes @ whiten, centres @ whiten)


def conformal_thresholds(
    probabilities: Floats, labels: npt.NDArray[np.int64], coverage: float = COVERAGE
) -> list[float]:
    """For each class the probability from which it is in the set, so that the set holds the true class often enough.

    With n cells of a class, the k-th smallest of their probabilities, k = floor((1 - coverage)(n + 1)), covers a new
    cell of the class with at least ``coverage``. A class of too few cells gets 0: it is in every set.
    """
    thresholds = []
    for index in range(probabilities.shape[1]):
        own = np.sort(probabilities[labels == index, index])
        rank = int(np.floor((1 - coverage) * (len(own) + 1) + 1e-9))
        thresholds.append(float(own[rank - 1]) if rank >= 1 else 0.0)
    return thresholds


def expected_calibration_error(confidence: Floats, correct: Bools, bins: int = 15) -> float:
    """Mean gap between stated and actual rate of being right, over bins of equal width, weighted by their size."""
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = 0.0
    for index in range(bins):
        inside = places == index
        if inside.any():
            gaps += inside.mean() * abs(confidence[inside].mean() - correct[inside].mean())
    return float(gaps)
