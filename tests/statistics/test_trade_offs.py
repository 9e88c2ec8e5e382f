import json

import pytest

from landscape.statistics.best_learning_rate import edges
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
    (bare,) = trade_offs([{"optimizer": "sgd", "lr": 0.1}], ["sgd"])
    assert bare["lr"] == 0.1
    assert bare["test_loss"] is None
    assert trade_offs([], ["sgd"]) == []
    # of a checkpoint's training nothing is known
    assert trade_offs([{"optimizer": "sgd", "lr": None}], ["sgd"]) == []


def test_what_is_not_finite_is_left_out():
    assert summary([float("nan"), None, float("inf"), 2.0, 4.0]) == {"value": 3.0, "low": 2.0, "high": 4.0, "runs": 2}
    assert summary([float("nan")]) is None


def timed(runs, seconds):
    for run in runs:
        run["cost"] = {"seconds_per_epoch": seconds[run["optimizer"]], "optimizer_bytes_per_parameter": 4.0}
        run["history"] = {"step": [0, 20, 40], "epoch": [0, 1, 2]}
    return runs


def test_time_of_a_step_is_relative_to_sgd(make_runs):
    rows = trade_offs(timed(make_runs(), {"sgd": 2.0, "adam": 3.0}), ["sgd", "adam"])
    assert rows[0]["seconds_per_step"]["value"] == pytest.approx(0.1)
    assert rows[0]["relative_seconds_per_step"]["value"] == pytest.approx(1.0)
    assert rows[3]["relative_seconds_per_step"]["value"] == pytest.approx(1.5)
    alone = trade_offs(timed(make_runs(optimizers=("adam",)), {"adam": 3.0}), ["adam"])
    assert alone[0]["relative_seconds_per_step"] is None


def test_a_history_that_ends_in_nothing_has_no_time_of_a_step(make_runs):
    runs = timed(make_runs(optimizers=("sgd",), ranks=1), {"sgd": 2.0})
    for run in runs:
        run["history"]["step"][-1] = None
    (row,) = trade_offs(runs, ["sgd"])
    assert row["seconds_per_step"] is None


def test_what_else_varies_makes_rows_of_its_own(make_runs):
    small, large = (timed(make_runs(optimizers=("sgd",), ranks=1), {"sgd": s}) for s in (1.0, 3.0))
    for runs, size in ((small, 32), (large, 128)):
        for run in runs:
            run["factors"] = {"lr": run["lr"], "batch_size": size, "model": "mlp"}
    rows = trade_offs([*small, *large], ["sgd"])
    assert [row["factors"] for row in rows] == [{"batch_size": 128}, {"batch_size": 32}]
    # each relative to SGD at the same batch size
    assert [row["relative_seconds_per_step"]["value"] for row in rows] == [1.0, 1.0]
    assert [row["runs"] for row in rows] == [5, 5]


def rates(make_runs, scores):
    """Runs of SGD at learning rates with a test accuracy each; None has diverged."""
    found = []
    for lr, accuracy in scores.items():
        runs = make_runs(optimizers=("sgd",), ranks=1, seeds=3)
        for run in runs:
            run["lr"] = lr
            if accuracy is None:
                run |= {"status": "diverged", "reached": False, "minima": {}}
            else:
                run["minima"]["end"] |= {"test_accuracy": accuracy, "test_loss": 1 - accuracy}
        found += runs
    return found


def test_sensitivity_is_of_the_best_learning_rate_and_says_what_was_not_run(make_runs):
    # 0.0399 is twice 0.02 to 1 %, 0.005 is no half of it
    rows = trade_offs(rates(make_runs, {0.002: 0.7, 0.005: 0.8, 0.02: 0.9, 0.0399: 0.85, 0.2: None}), ["sgd"])
    assert [row["lr"] for row in rows if row["sensitivity"]] == [0.02]
    found = next(row["sensitivity"] for row in rows if row["sensitivity"])
    assert [(each["factor"], each["status"]) for each in found] == [
        (0.1, "finished"),
        (0.5, "not run"),
        (2.0, "finished"),
        (10.0, "diverged"),
    ]
    assert found[0]["test_accuracy"] == pytest.approx(-0.2)
    assert found[0]["test_loss"] == pytest.approx(0.2)
    assert found[2]["test_accuracy"] == pytest.approx(-0.05)
    assert found[2]["lr"] == 0.0399
    assert found[1]["test_accuracy"] is found[3]["test_accuracy"] is None


def test_a_learning_rate_of_which_most_runs_diverged_is_not_the_best(make_runs):
    runs = rates(make_runs, {0.1: 0.8, 0.2: 0.95})
    for run in runs[3:5]:
        run |= {"status": "diverged", "minima": {}}
    rows = trade_offs(runs, ["sgd"])
    assert [row["lr"] for row in rows if row["sensitivity"]] == [0.1]
    assert next(each for each in rows[0]["sensitivity"] if each["factor"] == 2.0)["status"] == "diverged"


def test_without_classes_the_best_has_the_least_loss(make_runs):
    runs = rates(make_runs, {0.1: 0.5, 0.2: 0.7})
    for run in runs:
        run["minima"]["end"]["test_accuracy"] = None
    rows = trade_offs(runs, ["sgd"])
    assert rows[1]["sensitivity"][1] == {
        "factor": 0.5, "lr": 0.1, "status": "finished", "test_accuracy": None, "test_loss": pytest.approx(0.2)
    }  # fmt: skip


def test_without_classes_a_learning_rate_that_diverged_is_not_the_best(make_runs):
    runs = rates(make_runs, {0.1: 0.5, 0.2: 0.7, 0.3: 0.6, 0.4: None})
    for run in runs[:9]:
        run["minima"]["end"]["test_accuracy"] = None
    assert edges(trade_offs(runs, ["sgd"]), ["sgd"]) == []


def test_each_network_has_a_best_learning_rate_of_its_own(make_runs):
    """The better network's lies inside, the other's at the end: that one is told."""
    inside, at_the_end = (
        rates(make_runs, accuracies) for accuracies in ({0.1: 0.8, 0.2: 0.9, 0.3: 0.7}, {0.1: 0.5, 0.2: 0.6, 0.3: 0.65})
    )
    for runs, model in ((inside, "cnn"), (at_the_end, "mlp")):
        for run in runs:
            run["factors"] = {**run["factors"], "model": model}
    (edge,) = edges(trade_offs([*inside, *at_the_end], ["sgd"]), ["sgd"])
    assert edge.words == "SGD's best learning rate by test accuracy (0.3 on mlp) is at the edge of those tried"
    assert edges(trade_offs(inside, ["sgd"]), ["sgd"]) == []


def test_all_diverged_has_no_sensitivity(make_runs):
    (row,) = trade_offs(rates(make_runs, {0.1: None}), ["sgd"])
    assert row["sensitivity"] is None


def test_the_front_is_what_nothing_beats_in_both(make_runs):
    runs = rates(make_runs, {0.1: 0.9, 0.2: 0.8, 0.3: 0.85, 0.4: 0.95})
    seconds = {0.1: 3.0, 0.2: 1.0, 0.3: 4.0, 0.4: 2.0}
    for run in runs:
        run["speed"]["target_loss"] = {"seconds": seconds[run["lr"]]}
    front = {row["lr"]: row["pareto"] for row in trade_offs(runs, ["sgd"])}
    # 0.4 is faster and better than 0.1 and 0.3; 0.2 is the fastest
    assert front == {0.1: False, 0.2: True, 0.3: False, 0.4: True}
    # a setting of which a run never arrived neither is on the front nor beats another
    for run in runs[9:10]:
        run["reached"] = False
    front = {row["lr"]: row["pareto"] for row in trade_offs(runs, ["sgd"])}
    assert front == {0.1: True, 0.2: True, 0.3: False, 0.4: False}


@pytest.mark.parametrize("seconds", [{0.1: 1.0, 0.2: 2.0}, {0.1: 1.0, 0.2: 1.0}])
def test_of_two_that_are_as_good_the_slower_is_not_on_the_front(make_runs, seconds):
    runs = rates(make_runs, {0.1: 0.9, 0.2: 0.9})
    for run in runs:
        run["speed"]["target_loss"] = {"seconds": seconds[run["lr"]]}
    front = {row["lr"]: row["pareto"] for row in trade_offs(runs, ["sgd"])}
    assert front == {0.1: True, 0.2: seconds[0.2] == 1.0}


def test_seconds_of_runs_that_trained_together_do_not_compare_with_those_that_trained_alone(make_runs):
    runs = timed(make_runs(), {"sgd": 2.0, "adam": 3.0})
    alike = trade_offs(runs, ["sgd", "adam"])
    assert {row["speed_unit"] for row in alike} == {"seconds"}
    assert all(row["relative_seconds_per_step"] for row in alike)
    for run in runs:
        run["together"] = 15 if run["optimizer"] == "sgd" else 1
        if run["optimizer"] == "adam":
            # as slow as a run alone is beside its share of fifteen: no sign of a slow optimizer
            run["speed"]["target_loss"] = {**run["speed"]["target_loss"], "seconds": 1e6}
    rows = trade_offs(runs, ["sgd", "adam"])
    assert {row["speed_unit"] for row in rows} == {"epochs"}
    assert [bool(row["relative_seconds_per_step"]) for row in rows] == [row["optimizer"] == "sgd" for row in rows]
    slow = [row for row in rows if row["optimizer"] == "adam"]
    assert [row["pareto"] for row in slow] == [row["pareto"] for row in alike if row["optimizer"] == "adam"]
