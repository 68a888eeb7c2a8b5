import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.training.calibration import (
    conformal_thresholds,
    expected_calibration_error,
    fit_offsets,
    fit_temperature,
    fit_whitening,
    set_log_loss,
)


def drawn(cells: int, classes: int, sharpness: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels that follow their softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, sharpness, (cells, classes))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (shares.cumsum(axis=1) > rng.random((cells, 1))).argmax(axis=1)
    return logits, labels


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_scaling_of_the_logits(factor):
    logits, labels = drawn(8000, 5, 2.0, seed=4)
    assert fit_temperature(logits * factor, np.eye(5, dtype=bool)[labels]) == pytest.approx(factor, rel=0.08)


def test_a_label_that_allows_all_classes_costs_nothing():
    logits, _ = drawn(10, 4, 2.0, seed=1)
    assert set_log_loss(logits, np.ones((10, 4), bool)) == pytest.approx(0, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), coverage=st.sampled_from([0.8, 0.9, 0.95]))
def test_conformal_sets_hold_the_true_class_as_often_as_promised(seed, coverage):
    logits, labels = drawn(6000, 4, 2.0, seed)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    thresholds = np.array(conformal_thresholds(shares[:3000], labels[:3000], coverage))
    own = shares[np.arange(6000), labels][3000:]
    for index in range(4):
        of_class = labels[3000:] == index
        slack = 5 * np.sqrt(coverage * (1 - coverage) * (1 / of_class.sum() + 1 / (labels[:3000] == index).sum()))
        assert (own[of_class] >= thresholds[index]).mean() >= coverage - slack


def test_a_class_of_too_few_cells_is_in_every_set():
    shares = np.tile([0.9, 0.1], (30, 1))
    assert conformal_thresholds(shares, np.array([0] * 20 + [1] * 10)) == [0.9, 0.0]


def test_a_class_of_twenty_cells_takes_the_lowest_probability_seen():
    shares = np.linspace(0.2, 0.58, 20)[:, None]
    assert conformal_thresholds(shares, np.zeros(20, int)) == [pytest.approx(0.2)]


def test_the_calibration_error_is_the_gap_between_stated_and_actual():
    confidence = np.full(100, 0.9)
    assert expected_calibration_error(confidence, np.arange(100) < 90) == pytest.approx(0)
    assert expected_calibration_error(confidence, np.arange(100) < 60) == pytest.approx(0.3)


def test_strange_embeddings_lie_farther_than_known_ones():
    rng = np.random.default_rng(7)
    centres = rng.normal(0, 5, (3, 20))
    labels = rng.integers(0, 3, 600)
    known = centres[labels] + rng.normal(0, 1, (600, 20))
    whitening = fit_whitening(known, labels, classes=3, directions=8)
    fresh = centres[labels] + rng.normal(0, 1, (600, 20))
    strange = rng.normal(0, 5, (600, 20)) + 8
    assert whitening.distance(fresh).mean() == pytest.approx(1, abs=0.3)
    assert np.quantile(whitening.distance(fresh), 0.99) < np.quantile(whitening.distance(strange), 0.2)
    assert np.quantile(whitening.angle(fresh), 0.99) < np.quantile(whitening.angle(strange), 0.2)
    # What is seen of a cell may be more or less; it is the same cell.
    middle = known.mean(axis=0)
    further = middle + 2 * (fresh - middle)
    assert np.quantile(whitening.angle(further), 0.99) < np.quantile(whitening.angle(strange), 0.2)


def test_offsets_make_classes_weigh_as_they_are_frequent():
    rng = np.random.default_rng(5)
    labels = rng.choice(3, 6000, p=[0.8, 0.15, 0.05])
    evidence = rng.normal(0, 1, (6000, 3))
    evidence[np.arange(6000), labels] += 2
    allowed = np.eye(3, dtype=bool)[labels]
    # The likelihood of evidence alone: as of classes that are all as frequent.
    logits = 2 * evidence
    offsets = fit_offsets(logits, allowed)
    wanted = np.log([0.8, 0.15, 0.05]) - np.log([0.8, 0.15, 0.05]).mean()
    # Held near zero, they go a good part of the way and not beyond.
    assert 0.4 * (wanted @ wanted) < (offsets - offsets.mean()) @ wanted < wanted @ wanted
    better = (logits + offsets).argmax(axis=1) == labels
    assert better.mean() > (logits.argmax(axis=1) == labels).mean()
