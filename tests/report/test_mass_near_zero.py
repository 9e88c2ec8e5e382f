"""The share near zero as it is shown contains the truth, and says no more than the quadrature can tell."""

import re

import numpy as np
import pytest
from estimator_problems import matrix_with

from landscape import Dense
from landscape.report.mass_near_zero import allowed, error_kind, share
from landscape.solvers import spectral_density


def mass(value, least, most, error):
    return {"value": value, "least": least, "most": most, "error": error, "threshold": 0.1}


def interval(text):
    """Return the ends of what a reader is told, which rounding may have moved by half of the last digit."""
    first, second = (float(each) for each in re.findall(r"[\d.]+", text))
    return (first, second) if "between" in text else (first - second, first + second)


@pytest.mark.parametrize("steps", [12, 30, 60])
def test_what_is_shown_contains_the_truth(steps):
    for seed in range(6):
        values = np.random.default_rng(seed).standard_normal(400) ** 3
        density = spectral_density(Dense(matrix_with(values)), num_probes=6, steps=steps, seed=seed)
        threshold = 0.02 * np.abs(values).max()
        for near in (density.to_dict()["near_zero"], density.to_dict(threshold=threshold)["near_zero"]):
            truth = 100 * np.mean(np.abs(values) <= near["threshold"])
            low, high = interval(share(near))
            assert low - 0.5 <= truth <= high + 0.5
            assert error_kind(near) == "bracket"
            assert near["error_kind"] == "bracket of the quadrature"


def test_standard_error_alone_is_too_small():
    """Else the bracket would be no more than caution."""
    values = np.random.default_rng(0).standard_normal(400) ** 3
    density = spectral_density(Dense(matrix_with(values)), num_probes=6, steps=12)
    threshold = 0.02 * np.abs(values).max()
    near = density.mass(-threshold, threshold)
    assert abs(near.value - np.mean(np.abs(values) <= threshold)) > 3 * near.standard_error


@pytest.mark.parametrize(
    ("near", "shown", "kind", "range_"),
    [
        (mass(0.55, 0.42, 0.7, 0.15), "between 42 and 70", "bracket", ""),
        (mass(0.97, 0.969, 0.971, 1e-3), "97.00 ± 0.10", "bracket", "the quadrature allows 96.90 to 97.10 %"),
        (mass(0.97, 0.969, 0.971, 2e-2), "97.0 ± 2.0", "standard error", "the quadrature allows 96.90 to 97.10 %"),
        # of a file that an earlier version wrote
        (mass(0.97, 0.95, 0.98, 2e-3), "97.0 ± 2.0", "bracket", "the quadrature allows 95.0 to 98.0 %"),
        (mass(0.97, 0.95, 0.98, None), "97.00", "none: one probe", "the quadrature allows 95.0 to 98.0 %"),
        (mass(0.5, 0.5, 0.5, 0.1), "50 ± 10", "standard error", "the quadrature allows no other share"),
    ],
)
def test_words(near, shown, kind, range_):
    assert share(near) == shown
    assert error_kind(near) == kind
    assert allowed(near) == range_
