import copy
import json
import re

import pytest
from described import describe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from landscape.statistics.relate import relate
from landscape.statistics.trade_offs import trade_offs
from landscape.statistics.verdict import verdict

MEASURES = ["top_eigenvalue", "power_iteration_top_eigenvalue", "trace"]


def conclude(runs, optimizers=("sgd", "adam"), measures=MEASURES):
    names = list(optimizers)
    found = verdict(runs, relate(runs, measures, names), trade_offs(runs, names), describe(measures), names)
    json.dumps(found, allow_nan=False)
    first, second, *_ = found["sentences"]
    for sentence in (*found["sentences"], *found["details"]):
        assert sentence[0].isupper() or sentence[0].isdigit() or sentence.startswith(tuple(measures))
        assert sentence.endswith(".")
        assert not re.search(r"\bnan\b|None|_iteration.*Kendall|\(\)|  |significan|prove", sentence, re.IGNORECASE), (
            sentence
        )
    return first, second, found["details"]


def value(stop, measure):
    return stop["measurements"][measure]["value"]


def detail(details, *words):
    (found,) = [each for each in details if all(word in each for word in words)]
    return found


def change(runs, function):
    changed = copy.deepcopy(runs)
    for run in changed:
        function(run)
    return changed


# --- the first sentence


def test_sharper_by_every_measure(make_runs):
    first, _, details = conclude(make_runs(ratios=(2.0, 2.5)))
    assert first.startswith(
        "At matched training loss (about 0.05) and the learning rates tried, "
        "Adam's minima were on average sharper than SGD's by top eigenvalue (1."
    )
    assert " and trace (2." in first
    assert "flatter" not in first
    assert "undecided" not in first
    assert first.count("95 % interval") == 2
    assert "15 of 15 pairs of Adam and SGD" in detail(details, "have both training losses within 10 %")


def test_flatter(make_runs):
    first, _, _ = conclude(make_runs(ratios=(0.5, 0.4)))
    assert "Adam's minima were on average flatter than SGD's by top eigenvalue (0." in first
    assert "sharper" not in first


def test_exchanging_the_optimizers_exchanges_the_answer(make_runs):
    assert "SGD's minima were on average flatter than Adam's" in conclude(make_runs(), ("adam", "sgd"))[0]


def test_contradicting_measures_stand_side_by_side(make_runs):
    first, _, _ = conclude(make_runs(ratios=(2.0, 0.5)))
    assert (
        "the answer depends on the measure: Adam's minima were on average sharper than SGD's by top eigenvalue" in first
    )
    assert "but flatter by trace (0." in first


def test_undecided_measures_are_named_beside_the_others(make_runs):
    first, _, _ = conclude(make_runs(ratios=(2.0, 1.0)))
    assert "sharper than SGD's by top eigenvalue" in first
    assert "undecided by trace (1.0" in first


def test_two_estimators_of_one_quantity_are_not_two_confirmations(make_runs):
    first, second, details = conclude(make_runs(ratios=(2.0,)), measures=MEASURES[:2])
    assert first.count("top eigenvalue (") == second.count("top eigenvalue (") == 1
    assert "count once; where both converged they differ by at most 0.05 %" in detail(details, "same quantity")
    assert "for 1 ratio and 1 correlation" in detail(details, "Holm")


def test_the_estimator_with_an_interval_speaks_for_the_quantity(make_runs):
    def unconverged(run):
        for stop in run["minima"].values():
            stop["measurements"]["top_eigenvalue"]["converged"] = False

    first, second, details = conclude(change(make_runs(), unconverged), measures=MEASURES[:2])
    assert "sharper than SGD's by top eigenvalue" in first
    assert "larger generalization gap in loss by top eigenvalue" in second
    assert "60 not converged" in detail(details, "measurements of top_eigenvalue")


def test_an_estimator_without_an_interval_leaves_the_word_to_the_other(make_runs):
    def unconverged(run):
        if run["seed"] > 1:
            run["minima"]["matched"]["measurements"]["top_eigenvalue"]["converged"] = False

    first, second, _ = conclude(change(make_runs(), unconverged), measures=MEASURES[:2])
    assert "sharper than SGD's by top eigenvalue (2.06 times, 95 % interval" in first
    assert "larger generalization gap in loss by top eigenvalue" in second


def test_undecided_refuses_plainly(make_runs):
    first, _, _ = conclude(make_runs(ratios=(1.0, 1.0)))
    assert first.startswith(
        "The data do not tell whether Adam's minima are sharper than SGD's at matched training loss, "
        "because no measure decides: top eigenvalue ("
    )
    assert first.endswith("more seeds than these 5 would narrow the intervals.")


def test_a_measure_that_is_the_only_one_is_not_called_several(make_runs):
    first, _, _ = conclude(make_runs(ratios=(1.0, 1.0)), measures=MEASURES[:1])
    assert "because the measure does not decide: top eigenvalue (" in first


def test_what_only_one_of_many_comparisons_shows_is_undecided(make_runs):
    """Holm: with p = 0.03 alone among three, the interval excludes 1 and the verdict stays open."""
    runs = make_runs(ratios=(1.0, 1.0, 1.0), seed=1)
    measures = ["top_eigenvalue", "trace", "frobenius_norm"]
    relations = relate(runs, measures, ["sgd", "adam"])
    for record in relations["matched"]["ratios"]:
        if record["measure"] == "trace" and record["pairing"] == "all":
            record |= {"ratio": 1.2, "low": 1.02, "high": 1.4, "p_value": 0.03}
        elif record["pairing"] == "all":
            record |= {"p_value": 0.9}
    found = verdict(runs, relations, [], describe(measures), ["sgd", "adam"])
    assert found["sentences"][0].startswith("The data do not tell")
    assert "the ratio of trace" in detail(found["details"], "Clear on its own")
    for record in relations["matched"]["ratios"]:
        if record["measure"] == "top_eigenvalue" and record["pairing"] == "all":
            record |= {"ratio": 3.0, "low": 2.0, "high": 4.0, "p_value": 0.0001}
    text = verdict(runs, relations, [], describe(measures), ["sgd", "adam"])["sentences"][0]
    assert "undecided by trace (1.20 times, 95 % interval 1.02 to 1.40, not clear once corrected for the number" in text
    assert text.count("not clear once corrected") == 1


def test_an_answer_that_changes_with_the_learning_rate_is_no_answer(make_runs):
    runs = make_runs(ratios=(3.0,))
    for run in runs:
        measurement = run["minima"]["matched"]["measurements"]["top_eigenvalue"]
        if run["optimizer"] == "adam" and run["lr_rank"] == 0:
            measurement["value"] /= 9
    first, _, details = conclude(runs, measures=["top_eigenvalue"])
    assert first.startswith("The data do not tell")
    assert "changing sides with the learning rate" in first
    assert "the answer changes with the learning rate" in detail(details, "By rank of learning rate")


def test_the_learning_rate_trap(make_runs):
    """Beside each ratio stands what the learning rate alone does; where that is more, the sentence says so."""
    first, _, details = conclude(make_runs(ratios=(1.5, 1.5), lr_factor=3.0))
    assert re.search(
        r"but the learning rate alone changes the (top eigenvalue|trace) more, by a factor of up to \d", first
    )
    for name in ("top eigenvalue", "trace"):
        assert re.search(
            rf"The {name} is 1\.\d+ times as large for Adam as for SGD, 95 % interval .*; "
            r"the learning rate alone moves it \d+\.\d+ times within SGD and \d+\.\d+ times within Adam\.",
            detail(details, f"The {name} is"),
        )
    assert "learning rate alone" not in conclude(make_runs(ratios=(9.0, 9.0)))[0]


def test_one_learning_rate_each_means_nothing(make_runs):
    first, _, _ = conclude(make_runs(ranks=1))
    assert "because they are compared at one learning rate each and the learning rate alone moves sharpness" in first
    assert "two or more learning rates each would tell" in first


def test_two_seeds_give_no_answer(make_runs):
    first, second, _ = conclude(make_runs(seeds=2))
    assert "because 2 seeds cannot give an interval: top eigenvalue (" in first
    assert "because 12 runs with 2 seeds are too few" in second


def test_one_optimizer(make_runs):
    first, second, _ = conclude(make_runs(optimizers=("sgd",)), ("sgd",))
    assert first == (
        "The data do not tell whether another optimizer finds sharper minima than SGD: only SGD was run; "
        "a second optimizer with the same seeds would tell."
    )
    assert second.startswith("At matched training loss, over the runs of SGD, sharper minima had the larger")


def test_more_than_two_optimizers_are_each_compared_with_the_first(make_runs):
    names = ("sgd", "adam", "rmsprop")
    first, _, _ = conclude(make_runs(optimizers=names), names)
    assert "Adam's minima were on average sharper than SGD's" in first
    assert "; at matched training loss" in first
    assert "RMSProp's minima were on average sharper than SGD's" in first


def test_nothing_matched_falls_back_to_the_end_and_says_so(make_runs):
    def unreached(run):
        del run["minima"]["matched"]
        run["reached"] = False

    first, second, details = conclude(change(make_runs(), unreached))
    assert "at matched training loss, because no pair of runs was taken within 10 % of it" in first
    assert (
        "at the end of training, where sharpness follows the training loss and Adam's was 0.50 times SGD's, " in first
    )
    assert "Adam's minima were on average sharper than SGD's by top eigenvalue" in first
    assert second.startswith("The data do not tell")
    assert "0 of 15 runs of SGD and 0 of 15 runs of Adam" in second
    assert "0 of 30 runs reached the target training loss." in details


def test_checkpoints_are_not_told_to_train_longer(make_runs):
    """They lie where they were saved: no target to reach, no learning rate that is known, and reasons are said."""

    def as_checkpoint(run):
        del run["minima"]["matched"]
        run |= {"lr": None, "reached": False}
        run["minima"]["end"]["measurements"]["trace"] |= {"value": None, "reason": "its file has no optimizer"}

    first, second, details = conclude(change(make_runs(ranks=1, seeds=1, ratios=(2.0, 2.5)), as_checkpoint))
    text = " ".join([first, second, *details])
    for wrong in ("reached", "longer training", "higher target", "end of training", "one learning rate"):
        assert wrong not in text, wrong
    assert "because checkpoints are measured at the training loss they have" in first
    assert "they are compared at one checkpoint each" in first
    assert "checkpoints saved at one training loss, or a study that trains, would tell" in second
    assert detail(details, "Checkpoints are measured as they are").count("(sgd-") == 1
    assert "Not measured because its file has no optimizer." in detail(details, "measurements of trace")


def test_losses_that_do_not_match_are_not_matched(make_runs):
    def overshoot(run):
        if run["optimizer"] == "adam":
            run["minima"]["matched"] |= {"train_loss": 0.04, "mismatch": -0.2}

    first, second, details = conclude(change(make_runs(), overshoot))
    assert "no pair of runs was taken within 10 % of it" in first
    assert "0 of 15 runs of Adam were taken within 10 % of the target" in second
    assert "20.0 %; beyond 10 % are adam-lr0.001-seed0" in detail(details, "largest mismatch")


def test_too_few_pairs_are_a_selection(make_runs):
    def unreached(run):
        if run["optimizer"] == "adam" and run["seed"] < 3:
            del run["minima"]["matched"]

    first, second, details = conclude(change(make_runs(), unreached))
    assert "because only 6 of 15 pairs of runs were taken within 10 % of it" in first
    assert "only 6 of 15 runs of Adam" in second
    assert "and 3 more" in detail(details, "It was not reached by adam-lr0.001-seed0")


def test_most_pairs_suffice_and_their_number_is_said(make_runs):
    def unreached(run):
        if run["optimizer"] == "adam" and run["seed"] == 0:
            del run["minima"]["matched"]

    first, _, _ = conclude(change(make_runs(), unreached))
    assert first.startswith("At matched training loss (about 0.05, in 12 of 15 pairs of runs)")


def test_a_measure_that_mostly_did_not_converge_decides_nothing(make_runs):
    def unconverged(run):
        if run["optimizer"] == "adam" and run["seed"] > 0 and run["lr_rank"] > 0:
            for stop in run["minima"].values():
                stop["measurements"]["trace"]["converged"] = False

    first, second, details = conclude(change(make_runs(ratios=(2.0, 9.0)), unconverged))
    assert re.search(r"undecided by trace \(\d.* in only 7 of 15 pairs\)", first)
    assert "undecided by trace" in second
    assert "Of 60 measurements of trace, 16 not converged: left out, never filled in." in details


def test_all_runs_diverged(make_runs):
    def diverged(run):
        run |= {"status": "diverged", "reached": False, "minima": {}, "speed": {}}

    first, second, details = conclude(change(make_runs(), diverged))
    assert "no pair of runs has a converged, positive measure of sharpness" in first
    assert second.startswith("The data do not tell")
    assert "30 of 30 runs diverged" in detail(details, "diverged")


def test_some_runs_diverged(make_runs):
    def diverged(run):
        if run["id"] == "adam-lr0.009-seed0":
            run |= {"status": "diverged", "reached": False, "minima": {}, "speed": {}}

    details = conclude(change(make_runs(), diverged))[2]
    assert "1 of 30 runs diverged: adam-lr0.009-seed0." in details
    assert not any("not reached by" in each for each in details)


@pytest.mark.parametrize("optimizers", [(), ("sgd",), ("sgd", "adam")])
def test_no_runs(optimizers):
    first, second, details = conclude([], optimizers)
    assert "there are no runs" in first
    assert "there are no runs" in second
    assert details == []


def test_no_measure_of_sharpness(make_runs):
    first, second, details = conclude(make_runs(), measures=["preconditioned_top_eigenvalue", "weight_norm"])
    assert "no pair of runs has a converged, positive measure of sharpness" in first
    assert "no measure of sharpness was taken" in second
    assert "coordinates of the optimizer's own" in detail(details, "preconditioned top eigenvalue", "Not part")
    assert "is not a sharpness" in detail(details, "weight norm, which")


def test_seeds_that_share_nothing_cannot_be_paired(make_runs):
    def other_seed(run):
        run["seed"] += 100 * (run["optimizer"] == "adam")

    assert "because no two runs share a seed" in conclude(change(make_runs(), other_seed))[0]


def test_larger_is_flatter_for_a_noise_level(make_runs):
    def rename(run):
        for stop in run["minima"].values():
            stop["measurements"]["pac_bayes_sigma"] = stop["measurements"].pop("trace")

    first, _, _ = conclude(change(make_runs(ratios=(2.0, 0.5)), rename), measures=["top_eigenvalue", "pac_bayes_sigma"])
    assert re.search(r"sharper than SGD's by top eigenvalue \(.*\) and PAC-Bayes noise level \(0\.", first)

    def inverse(run):
        for stop in run["minima"].values():
            stop["measurements"]["pac_bayes_sigma"] = {"value": 1 / value(stop, "top_eigenvalue"), "converged": True}

    _, second, _ = conclude(change(make_runs(), inverse), measures=["pac_bayes_sigma"])
    assert (
        "sharper minima had the larger generalization gap in loss by PAC-Bayes noise level (Kendall's tau −0." in second
    )


# --- the second sentence


def test_sharper_minima_with_the_larger_gap(make_runs):
    _, second, details = conclude(make_runs())
    assert second.startswith(
        "At matched training loss, over all runs and within each optimizer, sharper minima had the larger "
        "generalization gap in loss by top eigenvalue (Kendall's tau 0.8"
    )
    assert " within SGD; 0." in second
    assert second.endswith("this is a correlation, not a cause: the learning rate may move both.")
    assert "The gap in error gives the same answers as the gap in loss." in details


def test_sharper_minima_with_the_smaller_gap(make_runs):
    _, second, _ = conclude(make_runs(gap_slope=-0.9))
    assert "sharper minima had the smaller generalization gap in loss by top eigenvalue (Kendall's tau −0.9" in second


def test_no_correlation_refuses(make_runs):
    _, second, _ = conclude(make_runs(gap_slope=0.0))
    assert second.startswith(
        "The data do not tell whether sharpness explains the generalization gap, because no measure's"
    )
    assert second.endswith("more seeds or learning rates would narrow the intervals.")


def conclude_from_taus(runs, by_measure):
    """The verdict where Kendall's tau of each measure has these p-values over all runs, within SGD and within Adam."""
    relations = relate(runs, list(by_measure), ["sgd", "adam"])
    for record in relations["matched"]["correlations"]:
        if record["measure"] == "learning_rate":
            continue
        p_value = dict(zip(("all", "sgd", "adam"), by_measure[record["measure"]], strict=True))[record["group"]]
        record["kendall"] = {"value": 0.5, "low": 0.1 if p_value < 0.05 else -0.1, "high": 0.9, "p_value": p_value}
    return relations, lambda: verdict(runs, relations, [], describe(by_measure), ["sgd", "adam"])


@pytest.mark.parametrize(
    ("p_of_trace", "answer"),
    [((0.001, 0.001, 0.02), True), ((0.001, 0.03, 0.001), False), ((0.001, 0.001, 0.06), False)],
)
def test_the_weakest_group_decides_after_correction_for_two_measures(make_runs, p_of_trace, answer):
    _, conclusion = conclude_from_taus(
        make_runs(ratios=(2.0, 2.0)), {"top_eigenvalue": (0.9,) * 3, "trace": p_of_trace}
    )
    found = conclusion()
    assert ("sharper minima had the larger generalization gap in loss by trace" in found["sentences"][1]) == answer
    lost = any("Clear on its own" in each and "the correlation of trace" in each for each in found["details"])
    assert lost == (p_of_trace == (0.001, 0.03, 0.001))


def test_a_correlation_over_a_minority_of_the_runs_decides_nothing(make_runs):
    relations, conclusion = conclude_from_taus(make_runs(), {"top_eigenvalue": (0.001,) * 3})
    assert "sharper minima had the larger" in conclusion()["sentences"][1]
    relations["matched"]["correlations"][2]["runs"] = 7
    assert relations["matched"]["correlations"][2]["group"] == "adam"
    assert conclusion()["sentences"][1].startswith("The data do not tell")


def test_simpsons_paradox_refuses(make_runs):
    """Between the optimizers the gap goes with sharpness, within each of them it does not."""
    _, second, _ = conclude(make_runs(ratios=(3.0,), lr_factor=1.0, gap_slope=0.0, gap_of_optimizer=1.0, seed=3))
    assert (
        "because the two go together over all runs but not clearly within each optimizer, by top eigenvalue" in second
    )
    assert "may be the difference between the optimizers alone" in second


def test_opposite_within_the_optimizers_refuses(make_runs):
    _, second, _ = conclude(make_runs(ratios=(5.0,), lr_factor=1.3, gap_slope=-0.4, gap_of_optimizer=2.0))
    assert "not clearly within each optimizer" in second
    assert "; −0." in second


def test_three_seeds_but_too_few_runs(make_runs):
    _, second, _ = conclude(make_runs(optimizers=("sgd",), ranks=1, seeds=5), ("sgd",))
    assert "because 5 runs with 5 seeds are too few; at least 6 runs and 3 seeds are needed" in second


def test_the_gap_in_error_may_disagree(make_runs):
    def reverse(run):
        for stop in run["minima"].values():
            stop["gap_error"] = -stop["gap_error"]

    details = conclude(change(make_runs(), reverse))[2]
    assert "top eigenvalue (the larger gap in loss, the smaller gap in error)" in detail(
        details, "gap in error answers"
    )


def test_a_regression_has_no_gap_in_error(make_runs):
    def regression(run):
        for stop in run["minima"].values():
            stop |= {"gap_error": None, "train_accuracy": None, "test_accuracy": None}

    _, second, details = conclude(change(make_runs(), regression))
    assert "larger generalization gap in loss" in second
    assert not any("gap in error" in each for each in details)
    assert "by test loss (0.01)" in detail(details, "SGD's best learning rate")


# --- the details


def test_best_learning_rate_at_the_edge_of_its_grid(make_runs):
    def accuracy(run):
        best = {"sgd": 1, "adam": 2}[run["optimizer"]]
        run["minima"]["end"]["test_accuracy"] = 0.9 - 0.1 * abs(run["lr_rank"] - best)

    details = conclude(change(make_runs(), accuracy))[2]
    assert "(0.009) is at the edge of those tried" in detail(details, "best learning rate")
    assert detail(details, "best learning rate").startswith("Adam's")


def test_a_best_learning_rate_at_the_edge_refuses_and_says_what_was_found(make_runs):
    def accuracy(run):
        run["minima"]["end"]["test_accuracy"] = 0.9 - 0.1 * abs(run["lr_rank"] - 2 * (run["optimizer"] == "adam"))

    first, _, _ = conclude(change(make_runs(), accuracy))
    assert first.startswith(
        "The data do not tell whether Adam's minima are sharper than SGD's at matched training loss, because SGD's "
        "best learning rate by test accuracy (0.01) is at the edge of those tried and Adam's best learning rate by "
        "test accuracy (0.009) is at the edge of those tried, where a better one may lie beyond; at those tried, "
        "Adam's minima were on average sharper than SGD's by top eigenvalue"
    )


def accuracy_at_the_edge(run):
    run["minima"]["end"]["test_accuracy"] = 0.9 - 0.1 * run["lr_rank"]


def test_a_best_learning_rate_at_the_edge_refuses_the_second_sentence_too(make_runs):
    _, second, _ = conclude(change(make_runs(), accuracy_at_the_edge))
    assert second.startswith(
        "The data do not tell whether sharpness explains the generalization gap, because SGD's best learning rate by "
        "test accuracy (0.01) is at the edge of those tried and Adam's best learning rate by test accuracy (0.001) is "
        "at the edge of those tried, where a better one may lie beyond; at those tried, over all runs and within each "
        "optimizer, sharper minima had the larger generalization gap in loss by top eigenvalue"
    )
    assert second.endswith("this is a correlation, not a cause: the learning rate may move both.")
    _, alone, _ = conclude(change(make_runs(optimizers=("sgd",)), accuracy_at_the_edge), ("sgd",))
    assert "at those tried, over the runs of SGD, sharper minima had the larger" in alone


def unmatched(run):
    if run["optimizer"] == "adam" and run["seed"] < 3:
        del run["minima"]["matched"]


STRADDLE = {"ratios": (1.0, 1.0), "gap_slope": 0.0}
REFUSED = {
    "intervals straddle": (STRADDLE, None, "no measure decides", "no measure's rank correlation"),
    "n too small": ({"seeds": 2}, None, "2 seeds cannot give an interval", "12 runs with 2 seeds are too few"),
    "loss matching failed": ({"seeds": 5}, unmatched, "only 6 of 15 pairs", "only 6 of 15 runs of Adam"),
    "at the edge": ({}, accuracy_at_the_edge, "is at the edge of those tried", "is at the edge of those tried"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_every_sentence_refuses_in_every_case(make_runs, case):
    how, ruin, *why = REFUSED[case]
    runs = make_runs(**how)
    runs = change(runs, ruin) if ruin else runs
    for sentence, reason in zip(conclude(runs)[:2], why, strict=True):
        assert sentence.startswith("The data do not tell")
        assert reason in sentence
    rest = beyond(runs)
    if case == "intervals straddle":
        assert "no measure clearly explains any" in rest[0]
        assert "no measure clearly orders the gap better" in rest[1]
    elif case == "at the edge":
        assert rest
        assert all(each.startswith("At the learning rates tried only: ") for each in rest)
    else:
        assert rest == []


def beyond(runs, optimizers=("sgd", "adam"), measures=MEASURES):
    names = list(optimizers)
    relations = relate(runs, measures, names)
    return verdict(runs, relations, trade_offs(runs, names), describe(measures), names)["sentences"][2:]


def test_what_is_left_beside_the_learning_rate(make_runs):
    explained, against, *_ = beyond(make_runs(seeds=8))
    assert explained.startswith(
        "Given the optimizer and the learning rate, of the ranks of the gap in loss top eigenvalue"
    )
    assert re.search(r"explains \d+(\.\d+)? % \(interval \d", explained)
    assert against.startswith("Along the learning rate, ")
    nothing, *_ = beyond(make_runs(gap_slope=0.0))
    assert "no measure clearly explains any of the gap in loss; the most is" in nothing


def test_rows_without_seeds_say_nothing(make_runs):
    assert beyond(make_runs(seeds=2)) == []


def test_a_sign_that_changes_with_what_is_varied_is_said(make_runs):
    sentences = beyond(make_runs(ratios=(3.0,), lr_factor=3.0, gap_slope=-0.4, gap_of_optimizer=2.0, seeds=12))
    (said,) = [each for each in sentences if "changes sign" in each]
    assert "top eigenvalue goes with the gap along the optimizer and against it along the learning rate" in said


def test_an_inner_learning_rate_as_good_as_the_edge_is_no_edge(make_runs):
    def accuracy(run):
        run["minima"]["end"]["test_accuracy"] = 0.9

    assert not any("best learning rate" in each for each in conclude(change(make_runs(), accuracy))[2])


def test_the_intervals_say_what_they_are(make_runs):
    details = conclude(make_runs())[2]
    assert "5 seeds cannot confirm" in detail(details, "resample whole seeds")
    assert "paired by rank" in detail(details, "Learning rates are paired")


# --- anything at all


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_ruin_of_a_study_still_gives_two_honest_sentences(make_runs, data):
    names = ("sgd", "adam", "rmsprop")[: data.draw(st.integers(1, 3))]
    runs = make_runs(names, ranks=data.draw(st.integers(1, 3)), seeds=data.draw(st.integers(1, 4)), ratios=(2.0, 0.5))
    for run in runs:
        match data.draw(
            st.sampled_from(["", "", "", "gone", "diverged", "unreached", "nothing", "negative", "gapless"])
        ):
            case "gone":
                run["optimizer"] = "forgotten"
            case "diverged":
                run |= {"status": "diverged", "minima": {}, "speed": None, "cost": None, "reached": False}
            case "unreached":
                run["minima"].pop("matched")
            case "nothing":
                run["minima"]["end"]["measurements"] = {}
            case "negative":
                run["minima"]["matched"]["measurements"]["trace"]["value"] = -1.0
            case "gapless":
                run["minima"]["matched"]["gap_loss"] = None
    conclude(runs, names)
