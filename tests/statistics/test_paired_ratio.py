import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape.statistics.cluster_bootstrap import resample_counts
from landscape.statistics.paired_ratio import paired_ratio

BOOTSTRAP = {"confidence": 0.95, "resamples": 200, "seed": 0}

positive = st.floats(1e-6, 1e6)
pairs = st.lists(st.tuples(positive, positive, st.integers(0, 5)), min_size=1, max_size=30)


def split(data):
    return [list(column) for column in zip(*data, strict=True)]


def test_closed_form():
    result = paired_ratio([2.0, 8.0, 1.0, 3.0], [1.0, 1.0, 1.0, 3.0], [0, 1, 2, 3], **BOOTSTRAP)
    assert result.ratio == pytest.approx(2.0)  # (2 * 8 * 1 * 1) ** (1 / 4)
    assert result.probability_larger == pytest.approx((2 + 2 * 0.5) / 4)


def test_interval_is_students_on_the_seeds_mean_logs():
    rng = np.random.default_rng(0)
    logs = rng.normal(size=(5, 3)) + rng.normal(size=(5, 1))
    seeds = np.repeat(range(5), 3).tolist()
    result = paired_ratio(np.exp(logs).ravel().tolist(), [1.0] * 15, seeds, confidence=0.95, resamples=100_000, seed=0)
    low, high = scipy.stats.ttest_1samp(logs.mean(axis=1), 0).confidence_interval(0.95)
    assert math.log(result.low) == pytest.approx(low, abs=0.02)
    assert math.log(result.high) == pytest.approx(high, abs=0.02)


def test_seeds_with_more_pairs_weigh_more():
    """The bootstrap of the mean over pairs, against drawing the pairs of whole seeds one by one."""
    logs, seeds = np.array([0.0, 1.0, 3.0, 2.0, 5.0, 4.0, 4.5]), np.array([0, 1, 1, 2, 2, 2, 3])
    counts = resample_counts(4, 200, 0)
    means = [np.mean(np.concatenate([np.repeat(logs[seeds == s], int(row[s])) for s in range(4)])) for row in counts]
    width = scipy.stats.t.ppf(0.975, 3) * np.std(means) * math.sqrt(4 / 3)
    result = paired_ratio(np.exp(logs).tolist(), [1.0] * 7, seeds.tolist(), **BOOTSTRAP)
    assert math.log(result.ratio) == pytest.approx(logs.mean())
    assert math.log(result.high) == pytest.approx(logs.mean() + width)


@settings(deadline=None, max_examples=60)
@given(pairs)
def test_exchanging_the_two_inverts_everything(data):
    above, below, seeds = split(data)
    result, exchanged = paired_ratio(above, below, seeds, **BOOTSTRAP), paired_ratio(below, above, seeds, **BOOTSTRAP)
    assert exchanged.ratio == pytest.approx(1 / result.ratio)
    assert exchanged.probability_larger == pytest.approx(1 - result.probability_larger)
    assert exchanged.note == result.note
    if result.low is not None:
        assert (exchanged.low, exchanged.high) == pytest.approx((1 / result.high, 1 / result.low), rel=1e-6)
        assert exchanged.p_value == pytest.approx(result.p_value, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(pairs, st.randoms(use_true_random=False), st.floats(1e-3, 1e3))
def test_order_of_pairs_and_units_change_nothing(data, random, unit):
    above, below, seeds = split(data)
    result = paired_ratio(above, below, seeds, **BOOTSTRAP)
    random.shuffle(data)
    above, below, seeds = split(data)
    other = paired_ratio([unit * each for each in above], [unit * each for each in below], seeds, **BOOTSTRAP)
    assert other.ratio == pytest.approx(result.ratio)
    if result.low is not None and other.low is not None:
        assert (other.low, other.high) == pytest.approx((result.low, result.high), rel=1e-6)


@settings(deadline=None, max_examples=60)
@given(pairs)
def test_always_finite_and_in_order(data):
    result = paired_ratio(*split(data), **BOOTSTRAP)
    assert result.ratio > 0
    assert (result.low is None) == bool(result.note)
    if result.low is not None:
        assert 0 < result.low <= result.ratio <= result.high < math.inf
        assert (result.low > 1 or result.high < 1) == (result.p_value < 0.05)


def test_extremes_stay_finite():
    result = paired_ratio([1e300, 1e-300, 1.0], [1e-300, 1e300, 1e300], [0, 1, 2], **BOOTSTRAP)
    assert 0 < result.low < result.ratio < result.high < math.inf


def test_without_pairs_spread_or_seeds():
    assert paired_ratio([], [], [], **BOOTSTRAP).ratio is None
    assert "no pair" in paired_ratio([], [], [], **BOOTSTRAP).note
    constant = paired_ratio([2.0] * 5, [1.0] * 5, list(range(5)), **BOOTSTRAP)
    assert (constant.ratio, constant.low, constant.probability_larger) == (pytest.approx(2.0), None, 1.0)
    assert "no spread" in constant.note
    two = paired_ratio([2.0, 3.0, 4.0, 5.0], [1.0] * 4, [0, 0, 1, 1], **BOOTSTRAP)
    assert two.low is None
    assert "there are 2" in two.note
