"""Several levels of the training loss beside each other, and the one question that is not corrected for others."""

import random

import pytest
from described import describe
from studies import product, run

from landscape.statistics.level_sentences import about_levels
from landscape.statistics.meaning import meaning
from landscape.statistics.pair_matching import pair_matching
from landscape.statistics.pairing import pairings
from landscape.statistics.relate import relate
from landscape.statistics.sharper import all_matching, compare
from landscape.statistics.verdict import verdict

MEASURES = ["top_eigenvalue", "trace", "average_sharpness"]
KNOWN = [meaning(each) for each in describe(MEASURES)]
PRIMARY = {"measure": "trace", "numerator": "adam", "denominator": "sgd", "level": 0.05, "named": "before"}


def ratios(measure, other, low, high):
    return {"measure": measure, "numerator": other, "pairing": "all", "low": low, "high": high}


def related(**by_stop):
    return {stop.replace("_", ":"): {"ratios": rows} for stop, rows in by_stop.items()}


def runs_at(*stops):
    return [{"id": f"run{index}", "minima": {stop: {} for stop in each}} for index, each in enumerate(stops)]


def test_a_clear_ratio_that_changes_sides_is_named_with_its_levels():
    found = related(
        matched=[ratios("trace", "adam", 1.1, 1.5), ratios("top_eigenvalue", "adam", 1.1, 1.5)],
        matched_1=[ratios("trace", "adam", 0.5, 0.9), ratios("top_eigenvalue", "adam", 0.9, 1.5)],
        end=[ratios("top_eigenvalue", "adam", 0.5, 0.9)],
    )
    said = about_levels(runs_at(["matched", "matched:1"]), found, KNOWN, [1.0])
    assert said == [
        "Between levels of training loss a clear ratio changes sides: Adam's trace (larger at the primary level, "
        "smaller at 1)."
    ]


def test_levels_that_agree_and_levels_that_few_reach():
    found = related(matched=[ratios("trace", "adam", 1.1, 1.5)], matched_1=[ratios("trace", "adam", 1.2, 1.5)])
    said = about_levels(runs_at(["matched:1"], ["matched:1", "matched:0.01"]), found, KNOWN, [0.01, 1.0, 0.001])
    assert said == [
        "1 of 2 runs reached training loss 0.01.",
        "No run reached training loss 0.001.",
        "No clear ratio changes sides between the levels of training loss; each stands alone there.",
    ]
    assert about_levels(runs_at(["matched"]), found, KNOWN, []) == []


def test_the_losses_of_each_pair():
    runs = [run(name, 0, seed, {}, 0.1) for name in ("sgd", "adam") for seed in (0, 1)]
    for each, loss in zip(runs, (0.05, 0.049, 0.0475, 0.04), strict=True):
        each["minima"]["matched"] |= {"train_loss": loss, "mismatch": loss / 0.05 - 1}
    paired = pairings(runs, ["sgd", "adam"])
    rows = pair_matching(paired, "matched", "sgd")
    assert [row["runs"] for row in rows] == [["adam-0-0-", "sgd-0-0-"], ["adam-0-1-", "sgd-0-1-"]]
    assert [row["loss_ratio"] for row in rows] == pytest.approx([0.95, 0.04 / 0.049])
    assert rows[0]["mismatch"] == pytest.approx([-0.05, 0.0])
    assert [row["compared"] for row in rows] == [True, False]
    missing = pair_matching(paired, "matched:1", "sgd")
    assert [(row["loss_ratio"], row["mismatch"], row["compared"]) for row in missing] == [(None, [None] * 2, False)] * 2


def study():
    """Adam's trace is larger by what one test resolves and three do not."""
    noise = random.Random(3)

    def values(optimizer, rank, seed):
        own = {name: (1 + rank) * noise.lognormvariate(0, 0.3) for name in MEASURES}
        own["trace"] *= 1.0 if not optimizer else 1.35
        return own, noise.random()

    return product(values, ranks=3, seeds=5)


def test_the_primary_question_is_one_test():
    runs, names = study(), ["sgd", "adam"]
    relations = relate(runs, MEASURES, names, resamples=500)
    (record,) = [row for row in relations["matched"]["ratios"] if row["measure"] == "trace" and row["pairing"] == "all"]
    matched = all_matching(runs, names)
    alone = compare(runs, relations, [KNOWN[1]], names, matched)["adam"][0]
    among = next(
        each for each in compare(runs, relations, KNOWN, names, matched)["adam"] if each.meaning.measure == "trace"
    )
    assert alone.p_value == record["p_value"] < among.p_value
    found = verdict(runs, relations, [], describe(MEASURES), names, primary=PRIMARY)
    plain = verdict(runs, relations, [], describe(MEASURES), names)
    first, *others = found["sentences"]
    assert first.startswith("Primary question (trace, Adam / SGD, at training loss 0.05; one test, not corrected for ")
    assert "top eigenvalue" not in first
    assert [each.removeprefix("Exploratory: ").lower() for each in others] == [s.lower() for s in plain["sentences"]]
    assert not plain["sentences"][0].startswith(("Primary", "Exploratory"))


def test_a_question_named_late_is_exploratory_too():
    runs, names = study(), ["sgd", "adam"]
    found = verdict(runs, relate(runs, MEASURES, names, resamples=200), [], describe(MEASURES), names,
                    primary={**PRIMARY, "named": "after"})  # fmt: skip
    assert found["sentences"][0].startswith("Question named after the runs, so exploratory (trace, Adam / SGD")
    assert "exploratory like everything else" in found["details"][0]
