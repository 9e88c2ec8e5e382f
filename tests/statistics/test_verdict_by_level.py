"""What holds over two networks may hold for neither: the verdict looks at each."""

import re

import pytest
from described import describe

from landscape.statistics.relate import relate
from landscape.statistics.trade_offs import trade_offs
from landscape.statistics.verdict import verdict

MEASURES = ["top_eigenvalue", "trace"]


def on(model, runs, measure_factor=1.0, gap=0.0):
    """The runs as those of one network, whose every measure and gap is another."""
    for run in runs:
        run["id"] += model
        run["factors"]["model"] = model
        for minimum in run["minima"].values():
            minimum["gap_loss"] += gap
            minimum["gap_error"] += gap / 5
            for measured in minimum["measurements"].values():
                measured["value"] *= measure_factor
    return runs


def conclude(runs, names=("sgd", "adam")):
    related = relate(runs, MEASURES, list(names), resamples=300)
    return verdict(runs, related, trade_offs(runs, list(names)), describe(MEASURES), list(names))


def test_networks_that_disagree_have_no_answer_between_them(make_runs):
    runs = on("cnn", make_runs(ratios=(2.0, 2.0))) + on("mlp", make_runs(ratios=(0.5, 2.0), seed=1))
    found = conclude(runs)
    first = found["sentences"][0]
    assert "sharper than SGD's by trace (" in first
    assert re.search(r"changing sides with the model, [12]\.\d+ for cnn and 0\.\d+ for mlp", first)
    (said,) = [each for each in found["details"] if "the answer changes with the model" in each]
    assert said.startswith("By rank of learning rate the ratio of top eigenvalue is ")


def test_where_only_the_networks_decide_more_seeds_are_not_the_advice(make_runs):
    runs = on("cnn", make_runs(ratios=(2.0, 2.0))) + on("mlp", make_runs(ratios=(0.5, 0.5), seed=1))
    first = conclude(runs)["sentences"][0]
    assert first.startswith("The data do not tell")
    assert first.endswith("each level of the model has an answer of its own, which more seeds will not change.")


def test_networks_that_agree_do_not_change_the_answer(make_runs):
    runs = on("cnn", make_runs(ratios=(2.0, 2.0))) + on("mlp", make_runs(ratios=(1.5, 1.5), seed=1), 5.0)
    found = conclude(runs)
    assert "sharper than SGD's by top eigenvalue (" in found["sentences"][0]
    assert "changing" not in " ".join(found["sentences"] + found["details"])


def test_a_gap_that_differs_between_networks_alone_is_no_correlation(make_runs):
    flat = {"ratios": (1.0, 1.0), "gap_slope": 0.0, "lr_factor": 1.0}
    runs = on("cnn", make_runs(**flat), 10.0, gap=1.0) + on("mlp", make_runs(**flat, seed=1))
    found = conclude(runs)
    second = found["sentences"][1]
    assert second.startswith("The data do not tell whether sharpness explains the generalization gap")
    assert "over all runs but not clearly within each optimizer and model, by top eigenvalue" in second
    assert "may be the difference between the optimizers and models alone" in second
    given = found["sentences"][2]
    assert given.startswith("Given the optimizer, the model and the learning rate, no measure clearly explains any")
    assert not any("where training moved" in each.lower() for each in found["sentences"])


def test_a_correlation_within_each_network_counts(make_runs):
    runs = on("cnn", make_runs(ratios=(2.0, 2.5))) + on("mlp", make_runs(ratios=(2.0, 2.5), seed=1))
    second = conclude(runs)["sentences"][1]
    assert "over all runs and within each optimizer and model, sharper minima had the larger" in second


FOUR = ("sgd", "heavy_ball", "adam", "sam", "muon")


@pytest.fixture
def many(make_runs):
    runs = make_runs(optimizers=FOUR, ratios=(2.0, 1.0))
    for run in runs:
        if run["optimizer"] == "sam":
            for minimum in run["minima"].values():
                minimum["measurements"]["top_eigenvalue"]["value"] /= 32.0
    return runs


def test_many_optimizers_are_said_measure_by_measure(many):
    first = conclude(many, FOUR)["sentences"][0]
    assert first.startswith(
        "At matched training loss (about 0.05) and the learning rates tried, on average beside SGD's"
    )
    assert re.search(
        r"by top eigenvalue heavy ball \(\d\.\d+, \d\.\d+ to \d\.\d+\), Adam \(.*?\) and Muon \(.*?\) sharper, "
        r"SAM \(0\.\d+, 0\.\d+ to 0\.\d+\) flatter",
        first,
    )
    assert "by trace" in first
    assert first.count("undecided") == 1
    assert first.count("SGD") == 1


def test_many_best_learning_rates_at_the_edge_are_said_once(many):
    for run in many:
        run["minima"]["end"]["test_accuracy"] = 0.9 - 0.1 * run["lr_rank"]
    found = conclude(many, FOUR)
    first, second = found["sentences"][:2]
    assert first.startswith(
        "The data do not tell whether the minima of heavy ball, Adam, SAM and Muon are sharper than SGD's at matched "
        "training loss, because the best learning rates by test accuracy of SGD (0.01), heavy ball (0.001), "
    )
    assert first.count("at the edge of those tried") == second.count("at the edge of those tried") == 1
    assert ". At those tried, on average beside SGD's" in first


def test_what_cannot_be_compared_is_said_apart_from_the_many(many):
    for run in many:
        if run["optimizer"] == "muon" and run["seed"]:
            del run["minima"]["matched"]
    first = conclude(many, FOUR)["sentences"][0]
    assert "heavy ball (" in first
    assert ". The data do not tell whether Muon's minima are sharper than SGD's at matched training loss" in first
