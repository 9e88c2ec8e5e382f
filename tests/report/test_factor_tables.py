import pytest

from landscape.report.factor_tables import MOST_LEVELS, ratios_within, rows_by_level
from landscape.report.figures.contrasts import agreement
from landscape.report.numbers import ratio, ratio_estimate
from landscape.report.points import run_name
from landscape.report.tables import measurements, sharpness

TRACE = {"name": "trace", "label": "trace", "symbol": "", "sign": 1}
NORM = {"name": "weight_norm", "label": "weight norm", "symbol": "", "sign": 0}
SIGMA = {"name": "pac_bayes_sigma", "label": "noise level", "symbol": "", "sign": -1}


def row(factor, level, value, other="adam"):
    return {
        "measure": "trace", "numerator": other, "denominator": "sgd", "factor": factor, "level": level, "ratio": value,
        "low": value * 0.9, "high": value * 1.1, "p_holm": 0.01, "pairs": 9, "seeds": 3, "probability_larger": 1.0,
    }  # fmt: skip


def report(rows, optimizers=("sgd", "adam"), **relations):
    minimum = {"train_loss": 0.01, "measurements": {"trace": {"value": 1.0, "converged": True}}}
    runs = [
        {"id": f"{name}-{model}", "optimizer": name, "lr": 0.1, "seed": 0, "factors": {"model": model},
         "minima": {"end": minimum}, "status": "finished"}
        for name in optimizers
        for model in ("cnn", "mlp")
    ]  # fmt: skip
    return {
        "optimizers": list(optimizers),
        "measures": [TRACE],
        "runs": runs,
        "relations": {"end": {"ratios_by_level": rows, **relations}},
        "primary": None,
    }


def test_a_column_for_each_level():
    made = ratios_within(report([row("model", "cnn", 1.12), row("model", "mlp", 0.94)]), "end")
    assert made.header == ("measure", "ratio of", "model cnn", "model mlp")
    ((_, pair, cnn, mlp),) = made.rows
    assert (pair, cnn[:4], mlp[:5]) == ("adam / sgd", "1.12", "0.940")


def test_factors_of_many_levels_are_left_to_the_table_of_all_ratios():
    many = [row("train_examples", str(each), 1.5) for each in range(MOST_LEVELS + 1)]
    found = report([*many, row("model", "cnn", 1.12), row("model", "mlp", 0.94)])
    assert ratios_within(found, "end").header == ("measure", "ratio of", "model cnn", "model mlp")
    assert len(rows_by_level(found, "end", TRACE)) == MOST_LEVELS + 3
    assert rows_by_level(found, "end", TRACE)[0][2] == "train examples 0"


def test_without_factors_there_is_no_table():
    assert not ratios_within(report([]), "end").rows


def test_runs_of_several_networks_are_told_apart():
    assert run_name(report([]), "adam-mlp") == "adam, lr 0.1, mlp, seed 0"
    (table,) = measurements(report([]), "end")
    assert table.header[:4] == ("optimizer", "lr", "model", "seed")
    assert [row[2] for row in table.rows] == ["cnn", "mlp", "cnn", "mlp"]
    assert "Medians and ratios are over all networks together." in sharpness(report([]), "end").notes
    one = report([])
    one["runs"] = one["runs"][::2]
    assert run_name(one, "adam-cnn") == "adam, lr 0.1, seed 0"
    assert measurements(one, "end")[0].header[:3] == ("optimizer", "lr", "seed")
    assert not any("networks" in note for note in sharpness(one, "end").notes)


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        ({"trace": -1, "weight_norm": 1}, "flatter"),  # a norm says nothing of sharpness
        ({"trace": 1, "pac_bayes_sigma": -1}, "sharper"),
        ({"trace": 1, "pac_bayes_sigma": 1}, "disagree"),
        ({"trace": 0, "weight_norm": 1}, "none clear"),
    ],
)
def test_only_measures_of_sharpness_agree_or_disagree(ways, said):
    cells = {name: {"adam": {"larger": way}} for name, way in ways.items()}
    assert agreement({"measures": [TRACE, NORM, SIGMA]}, cells, "adam") == said


def test_a_ratio_that_is_not_one_does_not_read_as_one():
    assert [ratio(each) for each in (1.0, 1.0012, 0.99973, 0.9951, 1.25, None)] == [
        "1.00", "1.001", "0.9997", "0.995", "1.25", "–"
    ]  # fmt: skip
    assert ratio_estimate(1.0012, 1.0004, 1.002) == "1.001 [1.0004, 1.002]"
    assert ratio_estimate(1.5, None, None) == "1.50"


def test_what_was_left_out_is_said_of_whom():
    def left_out(other, count):
        return row("", "", 1.1, other) | {"pairing": "all", "note": f"left out of 9 pairs: {count} (not measured)"}

    ratios = [left_out("adam", 2), left_out("sam", 3), left_out("muon", 2)]
    optimizers = ("sgd", "adam", "sam", "muon")
    notes = sharpness(report([], optimizers, ratios=ratios), "end").notes
    assert (
        "Ratios: left out of 9 pairs: 2 (not measured) (of adam, muon); left out of 9 pairs: 3 (not measured) (of sam)."
    ) in notes
    notes = sharpness(report([], optimizers, ratios=[ratios[0], ratios[2]]), "end").notes
    assert "Ratios: left out of 9 pairs: 2 (not measured)." in notes


def test_ratios_of_many_optimizers_come_before_their_runs():
    assert sharpness(report([], ("sgd", "adam", "sam")), "end").header[1:3] == ("sgd", "adam")
    assert sharpness(report([], ("sgd", "adam", "sam", "muon")), "end").header[1:3] == ("adam / sgd", "sam / sgd")
