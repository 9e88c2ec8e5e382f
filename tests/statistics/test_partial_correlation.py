import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape.statistics.partial_correlation import partial_correlation


def rho(a, b):
    return scipy.stats.spearmanr(a, b).statistic


def columns(n=40, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 6, size=n).astype(float)
    return z + rng.normal(size=n), z + rng.normal(size=n), z, np.arange(n) % 5


def test_closed_form_with_one_given():
    x, y, z, seeds = columns()
    xy, xz, yz = rho(x, y), rho(x, z), rho(y, z)
    expected = (xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2))
    found = partial_correlation(x, y, [z], seeds, confidence=0.95)
    assert found["value"] == pytest.approx(expected, abs=1e-12)
    assert found["low"] < found["value"] < found["high"]


def test_two_given_are_one_after_the_other():
    """The recursion of partial correlations: r_xy.zw from those given z alone."""
    x, y, z, seeds = columns()
    w = np.random.default_rng(1).normal(size=len(x)) + x

    def given_z(a, b):
        return partial_correlation(a, b, [z], seeds, confidence=0.95)["value"]

    xy, xw, yw = given_z(x, y), given_z(x, w), given_z(y, w)
    expected = (xy - xw * yw) / math.sqrt((1 - xw**2) * (1 - yw**2))
    assert partial_correlation(x, y, [z, w], seeds, confidence=0.95)["value"] == pytest.approx(expected, abs=1e-10)


def test_published_value():
    """Of a trivariate normal the partial correlation has a closed form, which ranks approach by 6/pi asin(r/2)."""
    rng = np.random.default_rng(0)
    z, e, f = rng.normal(size=(3, 200_000))
    x, y = 0.8 * z + 0.6 * e, 0.8 * z + 0.6 * f
    found = partial_correlation(x, y, [z], np.arange(len(x)) % 20, confidence=0.95)["value"]
    rank = {r: 6 / math.pi * math.asin(r / 2) for r in (0.64, 0.8)}
    assert found == pytest.approx((rank[0.64] - rank[0.8] ** 2) / (1 - rank[0.8] ** 2), abs=0.01)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_increasing_transformations_change_nothing(seed):
    x, y, z, seeds = columns(seed=seed)
    plain = partial_correlation(x, y, [z], seeds, confidence=0.95)
    other = partial_correlation(np.exp(x), y**3, [np.arctan(z)], seeds, confidence=0.95)
    assert other["value"] == pytest.approx(plain["value"], abs=1e-12)


def test_what_is_undefined_says_so():
    x, y, z, seeds = columns()
    assert "leaves nothing" in partial_correlation(x, y, [x], seeds, confidence=0.95)["note"]
    assert "same value" in partial_correlation(np.ones(40), y, [z], seeds, confidence=0.95)["note"]
    assert (
        "at least 4 runs, there are 3" in partial_correlation(x[:3], y[:3], [z[:3]], seeds[:3], confidence=0.95)["note"]
    )
    assert "there are 2" in partial_correlation(x, y, [z], seeds % 2, confidence=0.95)["note"]


@pytest.mark.parametrize("seeds", [5, 10])
def test_intervals_hold_the_truth(seeds):
    """Given z, nothing is left of the two, whatever the seed adds to z."""
    rng = np.random.default_rng(seeds)
    held = 0
    for _ in range(600):
        z = rng.normal(size=(seeds, 1)) + rng.normal(size=(seeds, 6))
        x, y = (each.ravel() for each in (z + rng.normal(size=(2, seeds, 6))))
        found = partial_correlation(x, y, [z.ravel()], np.repeat(np.arange(seeds), 6), confidence=0.95)
        held += found["low"] <= 0 <= found["high"]
    assert held / 600 >= 0.92
