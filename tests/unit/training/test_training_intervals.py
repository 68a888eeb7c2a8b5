import numpy as np
import pytest

from services.training.intervals import bootstrap, clopper_pearson


def test_exact_intervals_agree_with_published_ones():
    assert clopper_pearson(10, 100) == pytest.approx((0.0490, 0.1762), abs=5e-5)
    assert clopper_pearson(0, 50) == pytest.approx((0, 0.0711), abs=5e-5)
    assert clopper_pearson(50, 50) == pytest.approx((0.9289, 1), abs=5e-5)


def test_nothing_tried_says_nothing():
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def test_the_bootstrap_surrounds_a_share_about_as_widely_as_theory():
    right = (np.arange(400) < 320).astype(np.int64)[:, None]
    low, high = bootstrap(np.hstack([right, np.ones_like(right)]), lambda total: total[0] / total[1], seed=1)
    assert low == pytest.approx(0.8 - 1.96 * 0.02, abs=0.01)
    assert high == pytest.approx(0.8 + 1.96 * 0.02, abs=0.01)
