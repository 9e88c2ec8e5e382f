import numpy as np
import pytest
import scipy.stats

from landscape.statistics.cluster_bootstrap import cluster_numbers, resample_counts, seed_error, t_interval


@pytest.mark.parametrize("n", [3, 5, 20])
def test_for_a_mean_it_is_students_interval(n):
    """Closed form: the corrected bootstrap error of a mean is s / sqrt(n), and the interval is the classical one."""
    values = np.random.default_rng(n).normal(size=n)
    replicates = resample_counts(n, 200_000, 0) @ values / n
    error = seed_error(replicates, n).value
    assert error == pytest.approx(values.std(ddof=1) / np.sqrt(n), rel=0.01)
    classical = scipy.stats.ttest_1samp(values, 0)
    low, high, p_value = t_interval(values.mean(), values.std(ddof=1) / np.sqrt(n), n, 0.9)
    assert (low, high) == pytest.approx(tuple(classical.confidence_interval(0.9)), rel=1e-12)
    assert p_value == pytest.approx(classical.pvalue, rel=1e-10)


def test_each_resample_draws_as_many_seeds_as_there_are():
    counts = resample_counts(5, 1000, 0)
    assert counts.shape == (1000, 5)
    assert (counts.sum(axis=1) == 5).all()
    assert np.array_equal(counts, resample_counts(5, 1000, 0))
    assert not np.array_equal(counts, resample_counts(5, 1000, 1))


def test_seeds_are_numbered_alike_in_any_order_and_of_any_kind():
    assert cluster_numbers([7, 3, 7, 3]).tolist() == [1, 0, 1, 0]
    assert cluster_numbers([None, 3, "a"]).tolist() == cluster_numbers(["a", 3, None]).tolist()[::-1]


def test_no_error_from_too_few_seeds_or_resamples_without_spread():
    replicates = np.array([1.0, 2.0, 3.0, 4.0])
    assert seed_error(replicates, 3).value is not None
    assert "there are 2" in seed_error(replicates, 2).note
    assert "no spread" in seed_error(np.full(10, 1e9), 5).note
    assert "undefined" in seed_error(np.array([1.0, 2.0, np.nan, np.nan, np.nan]), 5).note
