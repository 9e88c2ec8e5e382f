import itertools
import math

import numpy as np
import pytest
from studies import product

from landscape.statistics.columns import columns_of
from landscape.statistics.information import MOST_PAIRS, conditional_information, run_pairs


def information(runs, optimizers=("sgd", "adam")):
    columns = columns_of(runs, "matched", ["trace"], list(optimizers))
    rows = conditional_information(
        columns, run_pairs(columns, 0), columns.measures["trace"], columns.gaps["gap_loss"], confidence=0.95
    )
    return {tuple(row["given"]): row for row in rows}


def by_hand(runs, given):
    """Jiang's definition in loops over ordered pairs: mutual information over entropy, given what both runs have."""
    tables = {}
    for a, b in itertools.permutations(runs, 2):
        x, y = (
            np.sign(number(a) - number(b)) for number in (
                lambda run: run["minima"]["matched"]["measurements"]["trace"]["value"],
                lambda run: run["minima"]["matched"]["gap_loss"],
            )
        )  # fmt: skip
        if x and y:
            key = tuple((axis(a, name), axis(b, name)) for name in given)
            tables.setdefault(key, np.zeros((2, 2)))[int(x > 0), int(y > 0)] += 1
    total = sum(table.sum() for table in tables.values())
    information = entropy = 0.0
    for table in tables.values():
        p = table / table.sum()
        weight = table.sum() / total
        for i, j in itertools.product(range(2), range(2)):
            if p[i, j]:
                information += weight * p[i, j] * math.log(p[i, j] / (p[i].sum() * p[:, j].sum()))
        entropy -= weight * sum(q * math.log(q) for q in p.sum(axis=0) if q)
    return information / entropy


def axis(run, name):
    return run["lr_rank"] if name == "lr" else run.get(name) or run["factors"].get(name)


def noisy(seed=0, **more):
    rng = np.random.default_rng(seed)
    return product(lambda o, rank, s, *_: ({"trace": float(rng.integers(8)) + rank}, rank + 2.0 * rng.normal()), **more)


def test_it_is_the_definition_for_every_pair_of_hyper_parameters():
    runs = noisy(batch_size=(32, 64))
    found = information(runs)
    pairs = [("optimizer", "lr"), ("optimizer", "batch_size"), ("lr", "batch_size")]
    for given in pairs:
        assert found[given]["value"] == pytest.approx(by_hand(runs, given), rel=1e-9)
    assert found[("least",)]["value"] == min(found[given]["value"] for given in pairs)


def test_with_one_hyper_parameter_that_one_is_given():
    runs = noisy(optimizers=("sgd",))
    assert set(information(runs, ("sgd",))) == {("lr",), ("least",)}
    assert information(runs, ("sgd",))[("lr",)]["value"] == pytest.approx(by_hand(runs, ("lr",)), rel=1e-9)


@pytest.mark.parametrize("r", [0.0, 0.6, 0.95])
def test_closed_form_of_a_normal_pair(r):
    """One minus the entropy of the share of concordant pairs, 1/2 + asin(r) / pi."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(2000, 2))
    runs = product(
        lambda o, rank, s: ({"trace": noise[s, 0]}, r * noise[s, 0] + math.sqrt(1 - r * r) * noise[s, 1]),
        optimizers=("sgd",), ranks=1, seeds=2000,
    )  # fmt: skip
    share = 0.5 + math.asin(r) / math.pi
    entropy = -sum(q * math.log2(q) for q in (share, 1 - share))
    row = information(runs, ("sgd",))[()]
    assert row["value"] == pytest.approx(1 - entropy, abs=0.02)
    assert row["note"] == f"of {MOST_PAIRS} pairs of runs drawn at random"
    assert row["low"] - 0.001 <= 1 - entropy <= row["high"] + 0.001


def test_a_copy_of_the_gap_tells_all_and_a_constant_nothing():
    rng = np.random.default_rng(0)
    copy = product(lambda *_: (lambda gap: ({"trace": math.exp(gap)}, gap))(rng.normal()))
    assert information(copy)[("optimizer", "lr")]["value"] == pytest.approx(1)
    constant = information(product(lambda *_: ({"trace": 1.0}, rng.normal())))
    assert constant[("least",)] == {
        "given": ["least"], "value": None, "low": None, "high": None, "note": "undefined: no two runs differ in both"
    }  # fmt: skip


def test_knowing_the_learning_rate_takes_away_what_it_explains():
    """Both follow the learning rate and nothing else: given it, little is left; given the batch size, all of it."""
    rng = np.random.default_rng(0)
    runs = product(
        lambda o, rank, s, batch: ({"trace": 10.0 * rank + rng.normal()}, 10.0 * rank + rng.normal()),
        ranks=4, seeds=8, batch_size=(32, 64),
    )  # fmt: skip
    found = information(runs)
    assert found[("optimizer", "batch_size")]["value"] > 0.4
    assert found[("lr", "batch_size")]["value"] < 0.2
    assert found[("least",)]["value"] < 0.2
