import math

import numpy as np
import pytest
from studies import product

from landscape.statistics.columns import columns_of
from landscape.statistics.interventions import FOLLOWS, OPPOSITE, STAYS, UNDECIDED, UNMOVED, interventions

BOOTSTRAP = {"confidence": 0.95, "resamples": 300, "seed": 0}


def rows(runs, optimizers=("sgd", "adam"), signs=None, **wanted):
    columns = columns_of(runs, "matched", ["trace"], list(optimizers))
    found = interventions("matched", columns, ["trace"], signs or {}, BOOTSTRAP)
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


def study(slope=1.0, gap=0.1, seed=0, **more):
    """Each rank of the learning rate multiplies the trace by exp(slope) and adds to the gap."""
    rng = np.random.default_rng(seed)
    return product(
        lambda o, rank, s, *_: (
            {"trace": math.exp(slope * rank + 0.02 * rng.normal())}, gap * rank + 0.5 * o + 0.01 * rng.normal()
        ),
        **more,
    )  # fmt: skip


def test_the_largest_learning_rate_against_the_smallest():
    (row,) = rows(study(), kind="learning rate", optimizer="sgd", gap="gap_loss")
    assert (row["before"], row["after"], row["pairs"], row["seeds"]) == ("no. 1", "no. 3", 5, 5)
    assert row["ratio"] == pytest.approx(math.exp(2), rel=0.05)
    assert row["ratio_low"] < math.exp(2) < row["ratio_high"]
    assert row["gap_low"] < 0.2 < row["gap_high"]
    assert row["gap_change"] == pytest.approx(0.2, abs=0.02)


def test_pairs_that_are_left_out_of_a_ratio_are_counted():
    runs = study()
    lost = next(run for run in runs if run["optimizer"] == "sgd" and run["lr_rank"] == 2)
    lost["minima"]["matched"]["measurements"]["trace"]["value"] = -1.0
    (row,) = rows(runs, kind="learning rate", optimizer="sgd", gap="gap_loss")
    assert (row["pairs"], row["note"]) == (4, "left out: 1 of 5 pairs, not measured or not positive")


def test_an_optimizer_at_one_learning_rate_moved_nothing_and_hides_no_other():
    runs = [run for run in study() if run["optimizer"] == "adam" or run["lr_rank"] == 0]
    assert [row["optimizer"] for row in rows(runs, kind="learning rate", gap="gap_loss")] == ["adam"]


@pytest.mark.parametrize(
    ("slope", "gap", "sign", "answer"),
    [
        (1, 0.1, 1, FOLLOWS), (-1, -0.1, 1, FOLLOWS), (1, -0.1, 1, OPPOSITE), (1, 0.1, -1, OPPOSITE),
        (0, 0.1, 1, UNMOVED), (1, 0.0, 1, UNDECIDED),
    ],
)  # fmt: skip
def test_answers_by_rule(slope, gap, sign, answer):
    (row,) = rows(study(slope, gap), signs={"trace": sign}, kind="learning rate", optimizer="adam", gap="gap_loss")
    assert row["answer"] == answer


def test_other_factors_sam_and_the_control():
    rng = np.random.default_rng(0)

    def runs(o, rank, s, batch, noise):
        trace = math.exp(-1.0 * o + 0.01 * rng.normal()) * batch
        return {"trace": trace}, 0.1 * (o == 0) + 2.0 * noise + 0.01 * rng.normal()

    found = rows(
        product(runs, ("sgd", "sam"), ranks=2, batch_size=(32, 128), label_noise=(0.0, 0.5)),
        ("sgd", "sam"),
        gap="gap_loss",
    )
    assert [(row["kind"], row["optimizer"]) for row in found] == [
        ("learning rate", "sgd"), ("learning rate", "sam"), ("batch size", "sgd"), ("batch size", "sam"),
        ("random labels", "sgd"), ("random labels", "sam"), ("SAM", "sgd"),
    ]  # fmt: skip
    (sam,) = [row for row in found if row["kind"] == "SAM"]
    assert sam["ratio"] == pytest.approx(math.exp(-1), rel=0.02)
    assert (sam["answer"], sam["pairs"]) == (FOLLOWS, 2 * 2 * 2 * 5)
    (control,) = [row for row in found if row["kind"] == "random labels" and row["optimizer"] == "sgd"]
    assert control["control"]
    assert control["gap_change"] == pytest.approx(1.0, abs=0.05)
    assert control["answer"] == UNMOVED
    (batch,) = [row for row in found if row["kind"] == "batch size" and row["optimizer"] == "sam"]
    assert (batch["before"], batch["after"], batch["ratio"]) == ("32", "128", pytest.approx(4, rel=0.02))


def moved(run, factor, gap_change=0.0):
    minimum = run["minima"]["matched"]
    value = minimum["measurements"]["trace"]["value"] * factor
    minimum["moved"] = {
        "balanced": {
            "gap_loss": minimum["gap_loss"] + gap_change,
            "gap_error": minimum["gap_error"] + gap_change,
            "measurements": {"trace": {"value": value, "converged": True}},
        }
    }


@pytest.mark.parametrize(
    ("factor", "change", "answer"), [(0.5, 1e-7, STAYS), (1.0, 0.0, UNMOVED), (0.5, 0.1, UNDECIDED)]
)
def test_moving_the_minimum_and_not_its_function(factor, change, answer):
    runs = study(gap=0.5)
    for run in runs:
        if run["optimizer"] == "adam":
            moved(run, factor, change)
    (row,) = rows(runs, kind="balanced", gap="gap_loss")
    assert (row["optimizer"], row["before"], row["answer"]) == ("adam", "as trained", answer)
    assert row["ratio"] == pytest.approx(factor)


def test_what_is_missing_is_left_out_and_counted():
    runs = study()
    runs[0]["minima"]["matched"]["measurements"] = {}
    (row,) = rows(runs, kind="learning rate", optimizer="sgd", gap="gap_loss")
    assert row["pairs"] == 4
    assert "left out: 1 of 5 pairs" in row["note"]
    (few,) = rows(study(seeds=2), kind="learning rate", optimizer="sgd", gap="gap_loss")
    assert (few["ratio_low"], few["answer"]) == (None, UNDECIDED)
    assert rows(study(ranks=1, optimizers=("sgd",)), ("sgd",)) == []
