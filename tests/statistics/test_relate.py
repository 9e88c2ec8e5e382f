import json
import math
import random
import subprocess
import sys

import pytest
import scipy.stats

from landscape.errors import UsageError
from landscape.statistics.relate import relate

MEASURES = ["top_eigenvalue", "trace"]
OPTIMIZERS = ["sgd", "adam"]


def pick(records, **wanted):
    (found,) = [record for record in records if all(record[key] == value for key, value in wanted.items())]
    return found


def by_key(runs, optimizer):
    return {(run["seed"], run["lr_rank"]): run for run in runs if run["optimizer"] == optimizer}


def value(run, measure="top_eigenvalue", stop="matched"):
    return run["minima"][stop]["measurements"][measure]["value"]


def test_records_have_what_the_report_expects(make_runs):
    relations = relate(make_runs(ratios=(2.0, 1.0)), MEASURES, OPTIMIZERS)
    assert list(relations) == ["matched", "end"]
    for stop in relations.values():
        # Two measures, all pairs and three ranks; two measures and the learning rate, two gaps, three groups.
        assert len(stop["ratios"]) == 8
        assert len(stop["correlations"]) == 18
        for record in stop["ratios"]:
            assert set(record) == {
                "measure", "numerator", "denominator", "pairing", "pairs", "seeds", "ratio", "low", "high",
                "p_value", "confidence", "probability_larger", "probability_low", "probability_high", "median_ratio",
                "median_low", "median_high", "note", "p_holm",
            }  # fmt: skip
        for record in stop["correlations"]:
            assert set(record) == {
                "measure", "gap", "group", "runs", "seeds", "kendall", "spearman", "confidence", "note", "p_holm"
            }  # fmt: skip
            assert set(record["kendall"]) == set(record["spearman"]) == {"value", "low", "high", "p_value"}
    assert [record["pairing"] for record in relations["end"]["ratios"][:4]] == [
        "all", "lr_rank 0", "lr_rank 1", "lr_rank 2"
    ]  # fmt: skip
    json.dumps(relations, allow_nan=False)


def test_every_kind_of_row_is_there_for_every_measure(make_runs):
    found = relate(make_runs(ratios=(2.0, 1.0)), MEASURES, OPTIMIZERS)["matched"]
    for kind in ("partial", "against_learning_rate"):
        assert {(row["measure"], row["gap"]) for row in found[kind]} == {
            (measure, gap) for measure in MEASURES for gap in ("gap_loss", "gap_error")
        }
    for kind in ("granulated", "information", "sign_errors"):
        assert {row["measure"] for row in found[kind]} == {*MEASURES, "learning_rate"}
    weighted = {(row["gap"], row["weighted"]) for row in found["sign_errors"]}
    assert weighted == {("gap_loss", False), ("gap_error", False), ("gap_error", True)}
    assert {row["given"] for row in found["partial"]} == {"learning_rate", "train_loss", "all"}


def test_all_that_is_given_is_more_than_one_thing(make_runs):
    found = relate(make_runs(ranks=1), ["trace"], OPTIMIZERS)["matched"]["partial"]
    names = {row["given"] for row in found}
    assert ("all" in names) == (len(names - {"all"}) > 1)


def test_ratio_is_the_other_over_the_first_pair_by_pair(make_runs):
    runs = make_runs(ratios=(2.0, 0.5))
    relations = relate(runs, MEASURES, OPTIMIZERS)["matched"]["ratios"]
    sgd, adam = by_key(runs, "sgd"), by_key(runs, "adam")
    logs = [math.log(value(adam[key]) / value(sgd[key])) for key in sgd]
    record = pick(relations, measure="top_eigenvalue", pairing="all")
    assert (record["numerator"], record["denominator"]) == ("adam", "sgd")
    assert (record["pairs"], record["seeds"], record["note"]) == (15, 5, "")
    assert math.log(record["ratio"]) == pytest.approx(sum(logs) / 15)
    assert record["low"] < 2.0 < record["high"]
    assert record["probability_larger"] == 1.0
    first_rank = [math.log(value(adam[key]) / value(sgd[key])) for key in sgd if key[1] == 0]
    record = pick(relations, measure="top_eigenvalue", pairing="lr_rank 0")
    assert (record["pairs"], math.log(record["ratio"])) == (5, pytest.approx(sum(first_rank) / 5))
    assert pick(relations, measure="trace", pairing="all")["high"] < 1


def test_correlations_are_scipys_over_all_and_within_each_optimizer(make_runs):
    runs = make_runs()
    records = relate(runs, ["top_eigenvalue"], OPTIMIZERS)["matched"]["correlations"]
    for group, members in (("all", runs), ("sgd", runs[:15]), ("adam", runs[15:])):
        for gap in ("gap_loss", "gap_error"):
            x, y = [value(run) for run in members], [run["minima"]["matched"][gap] for run in members]
            record = pick(records, measure="top_eigenvalue", group=group, gap=gap)
            assert (record["runs"], record["seeds"]) == (len(members), 5)
            assert record["kendall"]["value"] == pytest.approx(scipy.stats.kendalltau(x, y).statistic)
            assert record["spearman"]["value"] == pytest.approx(scipy.stats.spearmanr(x, y).statistic)


def test_more_optimizers_are_each_compared_with_the_first(make_runs):
    runs = make_runs(optimizers=("sgd", "adam", "rmsprop"))
    records = relate(runs, ["top_eigenvalue"], ["sgd", "adam", "rmsprop"])["end"]["ratios"]
    assert {(record["numerator"], record["denominator"]) for record in records} == {("adam", "sgd"), ("rmsprop", "sgd")}
    assert pick(records, numerator="rmsprop", pairing="all")["ratio"] == pytest.approx(4.0, rel=0.1)


def test_one_optimizer_has_correlations_but_no_ratios(make_runs):
    relations = relate(make_runs(optimizers=("sgd",)), MEASURES[:1], ["sgd"])
    assert relations["matched"]["ratios"] == []
    assert len(relations["matched"]["correlations"]) == 8


def test_the_order_of_runs_changes_nothing(make_runs):
    runs = make_runs()
    shuffled = list(runs)
    random.Random(0).shuffle(shuffled)
    assert relate(runs, MEASURES, OPTIMIZERS) == relate(shuffled, MEASURES, OPTIMIZERS)


def test_the_bootstrap_is_seeded(make_runs):
    runs = make_runs()
    assert relate(runs, MEASURES, OPTIMIZERS, seed=1) == relate(runs, MEASURES, OPTIMIZERS, seed=1)
    assert relate(runs, MEASURES, OPTIMIZERS, seed=1) != relate(runs, MEASURES, OPTIMIZERS, seed=2)


def test_more_confidence_is_wider(make_runs):
    narrow, wide = (
        relate(make_runs(), ["top_eigenvalue"], OPTIMIZERS, confidence=confidence)["matched"]
        for confidence in (0.8, 0.99)
    )
    assert (
        wide["ratios"][0]["low"] < narrow["ratios"][0]["low"] < narrow["ratios"][0]["high"] < wide["ratios"][0]["high"]
    )
    tau = [relations["correlations"][0]["kendall"] for relations in (wide, narrow)]
    assert tau[0]["low"] < tau[1]["low"] < tau[1]["high"] < tau[0]["high"]
    assert wide["ratios"][0]["confidence"] == wide["correlations"][0]["confidence"] == 0.99


def test_what_cannot_be_used_is_left_out_and_counted(make_runs):
    runs = make_runs()
    measurements = [run["minima"]["matched"]["measurements"]["top_eigenvalue"] for run in runs]
    measurements[0]["converged"] = False
    measurements[1]["value"] = None
    measurements[2]["value"] = -1.0
    measurements[3]["value"] = math.nan
    del runs[4]["minima"]["matched"]
    runs[5]["minima"]["matched"]["mismatch"] = -0.2
    matched = relate(runs, ["top_eigenvalue"], OPTIMIZERS)["matched"]
    record = pick(matched["ratios"], pairing="all")
    assert record["pairs"] == 9
    assert record["note"] == (
        "left out of 15 pairs: 1 (not converged), 2 (not measured), 1 (not positive, so without a logarithm), "
        "1 (target loss not reached), 1 (training loss more than 10 % from the target)"
    )
    # A negative value has a rank, so it stays in the correlation.
    record = pick(matched["correlations"], measure="top_eigenvalue", group="all", gap="gap_loss")
    assert record["runs"] == 25
    assert "left out of 30 runs: 1 (not converged), 2 (not measured)" in record["note"]
    # At the end there is no target to miss.
    assert pick(relate(runs, ["top_eigenvalue"], OPTIMIZERS)["end"]["ratios"], pairing="all")["pairs"] == 15


def test_runs_without_a_partner_are_counted(make_runs):
    runs = [run for run in make_runs() if run["id"] != "adam-lr0.001-seed0"]
    record = pick(relate(runs, ["trace"], OPTIMIZERS)["end"]["ratios"], pairing="all")
    assert record["note"].endswith("runs without a partner: 1")


def test_a_constant_column_and_a_missing_gap_are_null(make_runs):
    runs = make_runs()
    for run in runs:
        run["minima"]["matched"]["measurements"]["top_eigenvalue"]["value"] = 3.0
        run["minima"]["matched"]["gap_error"] = None
    matched = relate(runs, ["top_eigenvalue"], OPTIMIZERS)["matched"]
    record = pick(matched["correlations"], measure="top_eigenvalue", group="all", gap="gap_loss")
    assert record["kendall"] == record["spearman"] == {"value": None, "low": None, "high": None, "p_value": None}
    assert "same value" in record["note"]
    record = pick(matched["correlations"], measure="top_eigenvalue", group="all", gap="gap_error")
    assert record["runs"] == 0
    assert "30 (no generalization gap)" in record["note"]
    assert pick(matched["ratios"], pairing="all")["ratio"] == 1.0


def test_two_seeds_have_estimates_but_no_intervals(make_runs):
    matched = relate(make_runs(seeds=2), ["top_eigenvalue"], OPTIMIZERS)["matched"]
    record = pick(matched["ratios"], pairing="all")
    assert record["ratio"] == pytest.approx(2, rel=0.2)
    assert (record["low"], record["high"]) == (None, None)
    assert "at least 3 seeds, there are 2" in record["note"]
    tau = pick(matched["correlations"], measure="top_eigenvalue", group="all", gap="gap_loss")["kendall"]
    assert tau["value"] is not None
    assert tau["low"] is None


@pytest.mark.parametrize("runs", [[], [{"optimizer": "sgd"}], [{"optimizer": "sgd", "minima": None}]])
def test_nothing_to_relate(runs):
    assert relate(runs, MEASURES, OPTIMIZERS) == {}


def test_one_checkpoint_of_each(make_runs):
    runs = make_runs(ranks=1, seeds=1)
    for run in runs:
        del run["minima"]["matched"]
        run |= {"lr": None, "lr_rank": None, "seed": None, "factors": {}}
    relations = relate(runs, ["top_eigenvalue"], OPTIMIZERS)
    assert list(relations) == ["end"]
    assert relations["end"]["ratios"][0]["ratio"] == pytest.approx(2, rel=0.5)
    json.dumps(relations, allow_nan=False)


@pytest.mark.parametrize("wrong", [{"confidence": 1.0}, {"confidence": 0.0}, {"resamples": 1}])
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(UsageError, match="Try"):
        relate([], [], [], **wrong)


def test_never_imports_torch():
    code = (
        "import sys, landscape.statistics.relate, landscape.statistics.verdict, landscape.statistics.trade_offs;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
