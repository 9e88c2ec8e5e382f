import itertools
import math

import numpy as np
import pytest
from studies import product

from landscape.statistics.columns import columns_of
from landscape.statistics.granulated import along_axes, granulated
from landscape.statistics.settings_grid import settings_grid

BOOTSTRAP = {"confidence": 0.95, "resamples": 300, "seed": 0}


def coefficients(runs, optimizers=("sgd", "adam"), measure="trace", gap="gap_loss"):
    columns = columns_of(runs, "matched", [measure], list(optimizers))
    along = along_axes(settings_grid(columns), columns.measures[measure], columns.gaps[gap])
    return granulated(along, **BOOTSTRAP)


def by_hand(runs, axis, measure="trace"):
    """Jiang's definition in loops: the mean over all else, the seed too, of the mean over pairs along the axis."""

    def key(run):
        return {"optimizer": run["optimizer"], "lr": run["lr_rank"], "seed": run["seed"], **{
            name: value for name, value in run["factors"].items() if name != "lr"
        }}  # fmt: skip

    strata = {}
    for run in runs:
        strata.setdefault(repr(sorted((k, v) for k, v in key(run).items() if k != axis)), []).append(run)
    taus = []
    for members in strata.values():
        signs = [
            np.sign(value(a, measure) - value(b, measure))
            * np.sign(a["minima"]["matched"]["gap_loss"] - b["minima"]["matched"]["gap_loss"])
            for a, b in itertools.combinations(members, 2)
        ]
        if signs:
            taus.append(np.mean(signs))
    return np.mean(taus)


def value(run, measure):
    return run["minima"]["matched"]["measurements"][measure]["value"]


def test_it_is_the_definition_with_ties_too():
    rng = np.random.default_rng(0)
    runs = product(
        lambda *_: ({"trace": float(rng.integers(4))}, float(rng.integers(4))), batch_size=(32, 64, 256), width=(1, 2)
    )
    found = coefficients(runs)
    axes = ("optimizer", "lr", "batch_size", "width")
    for axis in axes:
        assert found[axis]["value"] == pytest.approx(by_hand(runs, axis), abs=1e-12)
    assert found["mean"]["value"] == pytest.approx(np.mean([by_hand(runs, axis) for axis in axes]), abs=1e-12)


def test_closed_form():
    """Along the learning rate always in order, along the optimizer always reversed: 1, -1 and 0."""
    runs = product(lambda o, rank, seed: ({"trace": 10.0 * o + rank}, -10.0 * o + rank + 0.01 * seed))
    found = coefficients(runs)
    assert [found[axis]["value"] for axis in ("lr", "optimizer", "mean")] == [1.0, -1.0, 0.0]
    assert (found["lr"]["strata"], found["optimizer"]["strata"]) == (10, 15)
    # five seeds that all say the same are five trials
    assert found["lr"]["low"] == pytest.approx(2 * 0.025 ** (1 / 5) - 1)
    assert "each as one trial" in found["lr"]["note"]


def test_missing_runs_leave_their_pairs_out():
    rng = np.random.default_rng(1)
    runs = product(lambda *_: ({"trace": rng.normal()}, rng.normal()))
    kept = [run for i, run in enumerate(runs) if i not in (3, 8, 20)]
    absent = [dict(run) for run in runs]
    for i in (3, 8, 20):
        absent[i]["minima"]["matched"]["measurements"] = {}
    for axis in ("lr", "optimizer"):
        assert coefficients(absent)[axis]["value"] == pytest.approx(by_hand(kept, axis), abs=1e-12)
        assert coefficients(kept)[axis] == coefficients(absent)[axis]


def test_runs_that_cannot_be_told_apart_take_no_part():
    runs = product(lambda o, rank, seed: ({"trace": 1.0 + rank}, rank + 0.1 * seed))
    columns = columns_of([*runs, runs[0]], "matched", ["trace"], ["sgd", "adam"])
    grid = settings_grid(columns)
    assert grid.indistinct == 2
    assert (grid.table == -1).sum() == 1


def test_a_constant_column_is_undefined_and_says_so():
    found = coefficients(product(lambda o, rank, seed: ({"trace": 1.0 + o}, 1.0 * rank + o)))
    assert found["lr"]["value"] is None
    assert found["lr"]["note"] == "undefined: the same value all along"
    assert found["optimizer"]["value"] == 1.0
    assert found["mean"]["value"] == 1.0
    assert "without lr" in found["mean"]["note"]


def test_only_the_seed_varies():
    found = coefficients(product(lambda *_: ({"trace": 1.0}, 1.0), optimizers=("sgd",), ranks=1), ("sgd",))
    assert found["mean"]["value"] is None


def test_two_seeds_have_no_interval():
    rng = np.random.default_rng(0)
    found = coefficients(product(lambda *_: ({"trace": rng.normal()}, rng.normal()), seeds=2))
    assert found["lr"]["value"] is not None
    assert found["lr"]["low"] is None
    assert "at least 3 seeds, there are 2" in found["lr"]["note"]


@pytest.mark.parametrize("seeds", [5, 10])
def test_intervals_hold_the_truth(seeds):
    """Gaussian noise on a slope: the mean sign of a difference is an error function."""
    noise, slopes = 1.0, (1.0, 0.8)
    means = [math.erf(slope / (2 * noise)) for slope in slopes], [math.erf(2 * slope / (2 * noise)) for slope in slopes]
    # of three levels two pairs are one apart and one pair is two apart
    truth = (2 * means[0][0] * means[0][1] + means[1][0] * means[1][1]) / 3
    rng = np.random.default_rng(seeds)
    held, studies = 0, 400
    for _ in range(studies):
        runs = product(
            lambda o, rank, seed: (
                {"trace": slopes[0] * rank + noise * rng.normal()},
                slopes[1] * rank + noise * rng.normal(),
            ),
            seeds=seeds,
        )
        found = coefficients(runs)["lr"]
        held += found["low"] <= truth <= found["high"]
    # the standard error of a coverage of 0.95 over 400 studies is 0.011
    assert 0.92 <= held / studies <= 0.985
