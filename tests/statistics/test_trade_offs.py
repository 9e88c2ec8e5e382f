import json

import pytest

from landscape.statistics.trade_offs import summary, trade_offs


def test_one_row_for_each_optimizer_and_learning_rate_in_order(make_runs):
    rows = trade_offs(make_runs()[::-1], ["sgd", "adam"])
    assert [(row["optimizer"], row["lr"]) for row in rows] == [
        (name, pytest.approx(lr))
        for name, lrs in (("sgd", (0.01, 0.03, 0.09)), ("adam", (0.001, 0.003, 0.009)))
        for lr in lrs
    ]
    assert {row["runs"] for row in rows} == {5}
    assert rows[0]["optimizer_bytes_per_parameter"] == {"value": 4.0, "low": 4.0, "high": 4.0, "runs": 5}
    assert rows[3]["optimizer_bytes_per_parameter"]["value"] == 8.0
    json.dumps(rows, allow_nan=False)


def test_speed_is_over_the_runs_that_arrived_and_says_how_many(make_runs):
    runs = make_runs(optimizers=("sgd",), ranks=1)
    for run in runs[:2]:
        run["reached"], run["speed"] = False, {"target_loss": None, "target_accuracy": None}
    (row,) = trade_offs(runs, ["sgd"])
    assert (row["runs"], row["reached"], row["diverged"]) == (5, 3, 0)
    assert row["epochs_to_target_loss"] == {"value": 6.0, "low": 5.0, "high": 7.0, "runs": 3}
    assert row["examples_to_target_loss"]["runs"] == row["seconds_to_target_loss"]["runs"] == 3
    assert row["epochs_to_target_accuracy"] is None


def test_generalization_is_at_the_end_of_training(make_runs):
    runs = make_runs(optimizers=("sgd",), ranks=1, seeds=3)
    for i, run in enumerate(runs):
        run["minima"]["end"] |= {"test_accuracy": 0.9 + 0.01 * i, "test_loss": 0.5, "gap_loss": 0.25, "gap_error": None}
    (row,) = trade_offs(runs, ["sgd"])
    assert row["test_accuracy"] == {"value": pytest.approx(0.91), "low": 0.9, "high": pytest.approx(0.92), "runs": 3}
    assert (row["test_loss"]["value"], row["gap_loss"]["value"], row["gap_error"]) == (0.5, 0.25, None)


def test_diverged_and_bare_runs(make_runs):
    runs = make_runs(optimizers=("sgd",), ranks=1, seeds=3)
    runs[0] |= {"status": "diverged", "reached": False, "minima": {}, "speed": None, "cost": None}
    (row,) = trade_offs(runs, ["sgd"])
    assert (row["diverged"], row["reached"], row["test_loss"]["runs"], row["seconds_per_epoch"]["runs"]) == (1, 2, 2, 2)
    (bare,) = trade_offs([{"optimizer": "sgd"}], ["sgd"])
    assert bare["lr"] is None
    assert bare["test_loss"] is None
    assert trade_offs([], ["sgd"]) == []


def test_what_is_not_finite_is_left_out():
    assert summary([float("nan"), None, float("inf"), 2.0, 4.0]) == {"value": 3.0, "low": 2.0, "high": 4.0, "runs": 2}
    assert summary([float("nan")]) is None
