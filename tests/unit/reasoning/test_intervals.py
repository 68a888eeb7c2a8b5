import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from services.reasoning.intervals import ratio, share

# clinical.md §1: exact 95 % limits in %, observed share in n cells.
TABLE = [
    (0, 100, 0.0, 3.6),
    (0, 200, 0.0, 1.8),
    (0, 400, 0.0, 0.9),
    (0, 1000, 0.0, 0.4),
    (1, 100, 0.0, 5.4),
    (2, 200, 0.1, 3.6),
    (4, 400, 0.3, 2.5),
    (10, 1000, 0.5, 1.8),
    (5, 100, 1.6, 11.3),
    (10, 200, 2.4, 9.0),
    (20, 400, 3.1, 7.6),
    (50, 1000, 3.7, 6.5),
    (20, 100, 12.7, 29.2),
    (40, 200, 14.7, 26.2),
    (80, 400, 16.2, 24.3),
    (200, 1000, 17.6, 22.6),
]
counts = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(("count", "of", "low", "high"), TABLE)
def test_the_reference_table_of_exact_limits_is_reproduced(count, of, low, high):
    limits = share(count, of)
    assert (round(100 * limits.low, 1), round(100 * limits.high, 1)) == (low, high)


@given(counts)
def test_the_interval_holds_the_observed_share_and_stays_within_0_and_1(pair):
    count, of = pair
    limits = share(count, of)
    assert 0 <= limits.low <= count / of <= limits.high <= 1


@given(counts)
def test_each_limit_leaves_at_most_a_fortieth_in_its_tail(pair):
    count, of = pair
    limits = share(count, of)
    assert count == 0 or binom.sf(count - 1, of, limits.low) == pytest.approx(0.025, abs=1e-6)
    assert count == of or binom.cdf(count, of, limits.high) == pytest.approx(0.025, abs=1e-6)


@given(counts)
def test_one_more_cell_moves_both_limits_up(pair):
    count, of = pair
    if count < of:
        less, more = share(count, of), share(count + 1, of)
        assert less.low < more.low
        assert less.high <= more.high


@given(st.integers(1, 120), st.floats(0.001, 0.999))
def test_the_interval_covers_the_true_share_at_least_95_times_in_100(of, p):
    covered = sum(binom.pmf(k, of, p) for k in range(of + 1) if share(k, of).low <= p <= share(k, of).high)
    assert covered >= 0.95 - 1e-9


@given(st.integers(0, 500), st.integers(1, 5000))
def test_the_ratio_of_two_counts_lies_in_its_interval(count, per):
    limits = ratio(count, per)
    assert 0 <= limits.low <= count / per <= limits.high


@given(st.integers(0, 500), st.integers(1, 5000))
def test_a_ratios_limits_are_the_odds_of_the_conditional_share(count, per):
    limits, part = ratio(count, per), share(count, count + per)
    assert limits.low == pytest.approx(part.low / (1 - part.low))
    assert limits.high == pytest.approx(part.high / (1 - part.high))


def test_a_ratio_is_wider_than_a_share_of_the_same_figure():
    as_ratio, as_share = ratio(50, 100), share(50, 100)
    assert as_ratio.low < as_share.low
    assert as_ratio.high > as_share.high


@pytest.mark.parametrize(("count", "of"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_shares_are_refused(count, of):
    with pytest.raises(ValueError, match="no share"):
        share(count, of)


@pytest.mark.parametrize(("count", "per"), [(-1, 10), (3, 0)])
def test_impossible_ratios_are_refused(count, per):
    with pytest.raises(ValueError, match="no ratio"):
        ratio(count, per)


def test_nothing_observed_gives_a_finite_upper_limit():
    assert math.isclose(100 * ratio(0, 200).high, 1.86, abs_tol=0.01)
