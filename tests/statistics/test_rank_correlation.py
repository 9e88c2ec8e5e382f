import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from landscape.statistics.rank_correlation import kendall, spearman

BOOTSTRAP = {"confidence": 0.95, "resamples": 200, "seed": 0}

small = st.integers(-4, 4)
columns = st.integers(3, 25).flatmap(
    lambda n: st.tuples(
        st.lists(small, min_size=n, max_size=n),
        st.lists(small, min_size=n, max_size=n),
        st.lists(st.integers(0, 4), min_size=n, max_size=n),
    )
)


def fields(result):
    return (result.value, result.low, result.high, result.p_value)


def same(left, right):
    return all(
        (a is None and b is None) or (a is not None and b is not None and math.isclose(a, b, abs_tol=1e-9))
        for a, b in zip(fields(left), fields(right), strict=True)
    )


@settings(deadline=None, max_examples=60)
@given(columns)
def test_values_with_ties_are_those_of_scipy(data):
    x, y, seeds = data
    assume(len(set(x)) > 1 and len(set(y)) > 1)
    assert kendall(x, y, seeds, **BOOTSTRAP).value == pytest.approx(scipy.stats.kendalltau(x, y).statistic, abs=1e-12)
    assert spearman(x, y, seeds, **BOOTSTRAP).value == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-12)


def test_closed_form_with_a_tie():
    # Of the three pairs one is tied in y, the other two agree: 2 / sqrt(3 * 2).
    assert kendall([1, 2, 3], [1, 1, 2], [0, 1, 2], **BOOTSTRAP).value == pytest.approx(2 / math.sqrt(6), abs=1e-15)
    # Ranks (1, 2, 3) and (1.5, 1.5, 3): covariance 1.5, variances 2 and 1.5.
    assert spearman([1, 2, 3], [1, 1, 2], [0, 1, 2], **BOOTSTRAP).value == pytest.approx(1.5 / math.sqrt(3), abs=1e-15)


def test_published_values():
    # Hollander and Wolfe (1973), p. 187: lightness of tuna and panel scores, as in R's ?cor.test.
    lightness = [44.4, 45.9, 41.9, 53.3, 44.7, 44.1, 50.7, 45.2, 60.1]
    score = [2.6, 3.1, 2.5, 5.0, 3.6, 4.0, 5.2, 2.8, 3.8]
    assert kendall(lightness, score, range(9), **BOOTSTRAP).value == pytest.approx(0.4444444, abs=1e-7)
    # Bonett's R package statpsych, ?ci.spear; with ties.
    y = [21, 4, 9, 12, 35, 18, 10, 22, 24, 1, 6, 8, 13, 16, 19]
    x = [67, 28, 30, 28, 52, 40, 25, 37, 44, 10, 14, 20, 28, 40, 51]
    result = spearman(x, y, range(15), confidence=0.95, resamples=4000, seed=0)
    assert result.value == pytest.approx(0.8699639, abs=1e-7)
    # Its interval is 0.584 to 0.964, by a formula for independent normal data; ours resamples.
    assert result.low == pytest.approx(0.584, abs=0.15)
    assert result.high == pytest.approx(0.964, abs=0.04)


def test_bootstrap_statistics_are_those_of_the_runs_repeated():
    """A seed drawn twice is its runs twice: the vectorised bootstrap against scipy on the repeated columns."""
    from landscape.statistics import rank_correlation as module

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, size=(2, 12)).astype(float)
    clusters = np.repeat(np.arange(4), 3)
    counts = np.array([[2, 0, 1, 1], [0, 3, 1, 0], [1, 1, 1, 1]], dtype=float)
    for row, tau, rho in zip(
        counts, module._kendall(x, y, clusters, counts), module._spearman(x, y, clusters, counts), strict=True
    ):
        drawn = np.repeat(np.arange(12), row[clusters].astype(int))
        assert tau == pytest.approx(scipy.stats.kendalltau(x[drawn], y[drawn]).statistic, abs=1e-12)
        assert rho == pytest.approx(scipy.stats.spearmanr(x[drawn], y[drawn]).statistic, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(columns, st.randoms(use_true_random=False))
@pytest.mark.parametrize("correlation", [kendall, spearman])
def test_invariances(correlation, data, random):
    x, y, seeds = data
    result = correlation(x, y, seeds, **BOOTSTRAP)
    assert same(result, correlation([math.exp(each) for each in x], [each**3 for each in y], seeds, **BOOTSTRAP))
    order = list(range(len(x)))
    random.shuffle(order)
    shuffled = ([column[i] for i in order] for column in (x, y, seeds))
    assert same(result, correlation(*shuffled, **BOOTSTRAP))
    assert same(result, correlation(y, x, seeds, **BOOTSTRAP))
    negated = correlation([-each for each in x], y, seeds, **BOOTSTRAP)
    if result.value is not None:
        assert negated.value == pytest.approx(-result.value, abs=1e-12)
    if result.low is not None:
        assert (negated.low, negated.high) == pytest.approx((-result.high, -result.low), abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(columns)
def test_never_nan_and_always_a_reason(data):
    for result in (kendall(*data, **BOOTSTRAP), spearman(*data, **BOOTSTRAP)):
        assert all(each is None or math.isfinite(each) for each in fields(result))
        assert (result.low is None) == (result.high is None)
        assert bool(result.note) == (result.low is None or abs(result.value) == 1)
        if result.low is not None:
            assert -1 <= result.low <= result.value <= result.high <= 1
            excludes_zero = result.low > 0 or result.high < 0
            assert excludes_zero == (result.p_value < 0.05)


@pytest.mark.parametrize(
    ("x", "y", "seeds", "value", "note"),
    [
        ([], [], [], None, "at least 3 runs, there are 0"),
        ([1, 2], [1, 2], [0, 1], None, "at least 3 runs, there are 2"),
        ([1], [1], [0], None, "at least 3 runs, there is 1"),
        ([1, 1, 1, 1], [1, 2, 3, 4], [0, 1, 2, 3], None, "same value"),
        ([1, 2, 3, 4], [5, 5, 5, 5], [0, 1, 2, 3], None, "same value"),
        ([1, 2, 3, 4], [2, 1, 3, 4], [0, 0, 1, 1], 2 / 3, "at least 3 seeds, there are 2"),
        ([1, 2, 3, 4], [2, 3, 4, 5], [0, 0, 1, 1], 1, "at least 3 seeds, there are 2"),
    ],
)
def test_what_is_undefined_says_so(x, y, seeds, value, note):
    result = kendall(x, y, seeds, **BOOTSTRAP)
    assert result.value == (None if value is None else pytest.approx(value))
    assert (result.low, result.high, result.p_value) == (None, None, None)
    assert note in result.note


def test_seeds_that_repeat_each_other_have_no_interval():
    x, y = [1, 2, 3] * 4, [1, 3, 2] * 4
    assert "seeds show no spread" in kendall(x, y, np.repeat(range(4), 3).tolist(), **BOOTSTRAP).note


def test_perfect_order_is_no_certainty():
    seeds = [0, 1, 2, 3, 4] * 3
    result = kendall(range(15), range(15), seeds, **BOOTSTRAP)
    assert (result.value, result.high) == (1, 1)
    assert 0.5 < result.low < 0.98
    assert 0 < result.p_value < 0.05
    assert "perfect order" in result.note
    reversed_ = kendall(range(15), range(15)[::-1], seeds, **BOOTSTRAP)
    assert (reversed_.value, reversed_.low, reversed_.high) == (-1, -1, pytest.approx(-result.low))
    # The same order from three runs says nothing.
    few = kendall([1, 2, 3], [1, 2, 3], [0, 1, 2], **BOOTSTRAP)
    assert few.value == 1
    assert few.low < 0
    assert few.p_value > 0.05
    # Whatever pair of neighbours is exchanged, the interval of perfect order is no narrower.
    for i in range(14):
        y = list(range(15))
        y[i], y[i + 1] = y[i + 1], y[i]
        assert kendall(range(15), y, seeds, **BOOTSTRAP).low >= result.low
