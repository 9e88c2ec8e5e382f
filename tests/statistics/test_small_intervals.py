"""Intervals for shares, medians and what leaving out a seed gives."""

import numpy as np
import pytest
import scipy.stats

from landscape.statistics.bounded_interval import share_interval, trials_interval
from landscape.statistics.cluster_jackknife import jackknife_error, jackknife_interval
from landscape.statistics.order_statistic_interval import median_interval


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 5), (3, 7), (7, 7), (10, 40)])
def test_of_zeros_and_ones_it_is_clopper_and_pearsons(k, n):
    low, high, p_value = share_interval([1.0] * k + [0.0] * (n - k), 0.95)
    exact = scipy.stats.binomtest(k, n)
    assert (low, high) == pytest.approx(tuple(exact.proportion_ci(0.95, method="exact")), abs=1e-12)
    assert p_value == pytest.approx(exact.pvalue, abs=1e-12)


def test_shares_between_zero_and_one_are_held_at_least_as_often():
    rng = np.random.default_rng(0)
    shares = rng.beta(3, 1, size=(2000, 5))
    low, high, _ = trials_interval(shares.sum(axis=1), np.full(2000, 5.0), 0.95)
    assert np.mean((low <= 0.75) & (high >= 0.75)) >= 0.95
    assert share_interval([1.0, 1.0], 0.95) is None


@pytest.mark.parametrize(
    ("n", "ranks"), [(5, None), (6, (1, 6)), (8, (1, 8)), (9, (2, 8)), (12, (3, 10)), (20, (6, 15))]
)
def test_published_ranks_of_the_interval_of_a_median(n, ranks):
    """The sign test's table (Conover 1999, table A3; Dixon and Massey 1983, table A-25)."""
    found = median_interval(list(range(1, n + 1)), 0.95)
    assert found == (None if ranks is None else tuple(map(float, ranks)))


@pytest.mark.parametrize("n", [3, 5, 20])
def test_for_a_mean_the_jackknife_is_students_interval(n):
    values = np.random.default_rng(n).normal(size=n)
    without = (values.sum() - values) / (n - 1)
    found = jackknife_interval(values.mean(), without, n, 0.9, (-9.0, 9.0))
    classical = scipy.stats.ttest_1samp(values, 0)
    assert (found["low"], found["high"]) == pytest.approx(tuple(classical.confidence_interval(0.9)), rel=1e-10)
    assert found["p_value"] == pytest.approx(classical.pvalue, rel=1e-10)


def test_no_jackknife_without_seeds_or_spread():
    assert "there are 2" in jackknife_error(np.array([1.0, 2.0]), 2).note
    assert "no spread" in jackknife_error(np.ones(5), 5).note
    assert "undefined without" in jackknife_error(np.array([1.0, np.nan, 2.0]), 3).note
    assert jackknife_interval(0.9, np.array([0.9, 0.5, 1.0]), 3, 0.95, (0.0, 1.0))["high"] == 1.0
