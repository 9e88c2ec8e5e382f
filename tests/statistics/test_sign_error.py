import itertools

import numpy as np
import pytest
from studies import product

from landscape.statistics.columns import columns_of
from landscape.statistics.settings_grid import settings_grid
from landscape.statistics.sign_error import hoeffding_weight, sign_errors


def errors(runs, gap="gap_loss", weighted=False, test_examples=None):
    for run in runs:
        run["minima"]["matched"]["test_examples"] = test_examples
    columns = columns_of(runs, "matched", ["trace"], ["sgd", "adam"])
    grid = settings_grid(columns)
    return sign_errors(columns, grid, columns.measures["trace"], gap, confidence=0.95, weighted=weighted)


def numbers(run):
    minimum = run["minima"]["matched"]
    return minimum["measurements"]["trace"]["value"], minimum["gap_error"]


def environments(runs, weight):
    """Dziugaite's definition in loops."""
    settings = {}
    for run in runs:
        settings.setdefault((run["optimizer"], run["lr_rank"]), []).append(run)
    found = []
    for (one, first), (other, second) in itertools.combinations(settings.items(), 2):
        if sum(a != b for a, b in zip(one, other, strict=True)) == 1:
            total, weights = 0.0, []
            for a, b in itertools.product(first, second):
                (x, y), (x2, y2) = numbers(a), numbers(b)
                weights.append(weight(abs(y - y2)))
                total += weights[-1] * (1 - np.sign(x - x2) * np.sign(y - y2)) / 2
            effective = sum(weights) ** 2 / sum(w**2 for w in weights) if any(weights) else 0.0
            found.append((total / sum(weights) if any(weights) else None, effective))
    return found


def random_runs(scale=0.1, seed=0):
    rng = np.random.default_rng(seed)
    return product(lambda o, rank, s: ({"trace": float(rng.integers(6)) + rank}, scale * (rank + rng.normal())))


def test_it_is_the_definition():
    runs = random_runs()
    truth = [error for error, _ in environments(runs, lambda _: 1.0)]
    found = errors(runs, "gap_error")
    assert (found["environments"], found["worst"]) == (9, pytest.approx(max(truth)))
    assert found["mean"] == pytest.approx(np.mean(truth))
    assert found["worst_low"] <= found["worst"] <= found["worst_high"]


def test_with_hoeffdings_weights_it_is_the_definition_too():
    runs = random_runs()
    n = 500

    def weight(difference):
        return max(0.0, max(0.0, 1 - 2 * np.exp(-2 * n * (difference / 2) ** 2)) ** 2 - 0.5)

    truth = [error for error, effective in environments(runs, weight) if effective >= 12]
    found = errors(runs, "gap_error", weighted=True, test_examples=n)
    assert 0 < found["environments"] == len(truth) < 9
    assert found["worst"] == pytest.approx(max(truth))
    assert found["mean"] == pytest.approx(np.mean(truth))
    assert f"left out: {9 - len(truth)} of 9 environments" in found["note"]


def test_published_weights():
    """1 - 2 exp(-n d^2 / 2), squared; one half is reached at d = sqrt(2 log(2 / (1 - sqrt(1/2))) / n)."""
    n = 10_000
    half = np.sqrt(2 * np.log(2 / (1 - np.sqrt(0.5))) / n)
    assert hoeffding_weight(np.array([0.999 * half]), n)[0] == 0
    assert hoeffding_weight(np.array([1.001 * half]), n)[0] > 0
    assert hoeffding_weight(np.array([0.03]), n)[0] == pytest.approx((1 - 2 * np.exp(-4.5)) ** 2 - 0.5)


def test_a_measure_that_is_right_wrong_or_constant():
    def runs_of(sign):
        return product(lambda o, rank, seed: ({"trace": sign * (10.0 * o + rank) + 20}, 10.0 * o + rank))

    assert [errors(runs_of(sign))["worst"] for sign in (1, -1, 0)] == [0.0, 1.0, 0.5]
    assert errors(runs_of(1))["worst_high"] > 0.4  # five seeds are five trials


def test_the_worst_environment_is_named():
    runs = product(lambda o, rank, seed: ({"trace": 10.0 * rank - (o and rank == 1)}, 10.0 * rank + o + 0.01 * seed))
    found = errors(runs)
    assert (found["axis"], found["between"]) == ("optimizer", "sgd against adam, lr no. 2")


def test_what_is_too_little_says_so():
    assert "not known" in errors(random_runs(), "gap_error", weighted=True)["note"]
    assert "12 effective pairs" in errors(random_runs(), "gap_error", weighted=True, test_examples=10)["note"]
    few = product(lambda *_: ({"trace": 1.0}, 1.0), seeds=2)
    assert "3 seeds" in errors(few)["note"]
