"""The effects that a study can resolve, against simulated studies and published tables."""

import math

import numpy as np
import pytest
from scipy import stats

from landscape.statistics.resolvable import smallest_ratio, smallest_tau


@pytest.mark.parametrize("seeds", [3, 5, 20])
def test_the_smallest_ratio_is_seen_in_four_of_five_studies(seeds):
    spread, ratio = 0.3, smallest_ratio(seeds, spread=0.3)
    logs = np.random.default_rng(0).normal(math.log(ratio), spread, (40_000, seeds))
    half = stats.t.ppf(0.975, seeds - 1) * logs.std(1, ddof=1) / math.sqrt(seeds)
    assert np.mean(logs.mean(1) - half > 0) == pytest.approx(0.8, abs=0.01)


def test_a_published_sample_size():
    """Cohen 1988, table 2.4.1: 34 pairs see d = 0.5 with a power of 0.80 at a two-sided 0.05."""
    assert math.log(smallest_ratio(34, spread=1.0)) == pytest.approx(0.5, abs=0.01)


def test_more_seeds_resolve_more_and_fewer_than_three_nothing():
    found = [smallest_ratio(seeds) for seeds in (1, 2, 3, 5, 10)]
    assert found[:2] == [math.inf, math.inf]  # two seeds are given no interval
    assert math.isfinite(found[2])
    assert found == sorted(found, reverse=True)


def test_the_smallest_tau_is_seen_in_about_four_of_five_studies():
    runs, rng = 40, np.random.default_rng(0)
    tau = smallest_tau(runs)
    # of normal variables tau = (2/pi) arcsin(rho)
    rho = math.sin(math.pi * tau / 2)
    x = rng.normal(size=(1500, runs))
    y = rho * x + math.sqrt(1 - rho**2) * rng.normal(size=(1500, runs))
    p = [stats.kendalltau(a, b).pvalue for a, b in zip(x, y, strict=True)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.8, abs=0.05)
    assert smallest_tau(3) == 1.0
