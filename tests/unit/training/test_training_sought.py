import numpy as np
import pytest

from services.training.classifier.answers import Answers
from services.training.classifier.sought import average_precision, sought_section
from services.training.intervals import resampled

CLASSES = ("uninfected", "ring", "schizont")


def test_average_precision_is_one_where_all_that_is_sought_comes_first():
    assert average_precision(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, False, False])) == 1.0


def test_average_precision_falls_with_what_comes_before():
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    assert average_precision(scores, np.array([False, True, False, True])) == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_equal_scores_count_together_whatever_their_order():
    right = np.array([True, False, False, True])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2]):
        assert average_precision(np.full(4, 0.5), right[order]) == 0.5


def test_nothing_sought_has_no_precision():
    assert np.isnan(average_precision(np.array([0.5]), np.array([False])))


def answers(rows: list[tuple[str, float]]) -> Answers:
    """From (true class, probability of ring)."""
    shares = np.array([(1 - p, p / 2, p / 2) for _, p in rows])
    wanted = np.array([CLASSES.index(name) for name, _ in rows])
    labels = np.array([name for name, _ in rows])
    return Answers(shares, np.ones(len(rows)), wanted, np.eye(3, dtype=bool)[wanted], labels)


def test_found_and_false_alarms_are_counted_by_threshold():
    rows = [("ring", 0.99), ("schizont", 0.6)] + [("uninfected", 0.92)] * 2 + [("uninfected", 0.1)] * 998
    text = sought_section(answers(rows), CLASSES, CLASSES[1:], seed=1)
    assert "2 cells that are sought among 1002: average precision 0.75" in text
    assert "| ≥ 0.5 | 1.000" in text
    assert "| ≥ 0.9 | 0.500 (0.013–0.987) | 2 | 1000 | 2.00 (0.24–7.21) |" in text
    assert "| ≥ 0.95 | 0.500 (0.013–0.987) | 0 | 1000 | 0.00 (0.00–3.68) |" in text


def test_a_set_without_what_is_sought_tells_the_false_alarms_alone():
    text = sought_section(answers([("uninfected", 0.2)] * 10), CLASSES, CLASSES[1:], seed=1)
    assert "0 cells that are sought among 10." in text
    assert "| ≥ 0.5 | none sought | 0 | 10 |" in text


def test_an_interval_of_a_figure_of_ranks_is_drawn_from_the_units():
    values = np.arange(1000.0)
    low, high = resampled(1000, lambda drawn: float(values[drawn].mean()), seed=1)
    assert low < 499.5 < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(1000), rel=0.1)
