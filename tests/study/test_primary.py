"""The one question that is named before anything runs: answered first, uncorrected, and marked where it came late."""

import dataclasses
import json

import pytest

from landscape.errors import UsageError
from landscape.report import summary, write_report
from landscape.study.assemble import assemble
from landscape.study.config import resolve
from landscape.study.folder import RunFolder
from landscape.study.primary import read_primary, write_primary
from landscape.study.run import run_study

SETTINGS = {
    "model": "mlp", "model_option": {"widths": "8"}, "train_examples": 100, "epochs": 4, "seeds": 3,
    "target_loss": [1.9], "lr": {"sgd": [0.05, 0.1], "adam": [0.01, 0.02]}, "measures": "fisher_rao,weight_norm",
    "surface_points": 0, "resamples": 100, "device": "cpu",
}  # fmt: skip
ASKED = {"primary_measure": "fisher_rao", "primary_comparison": "adam/sgd"}


def configured(**keys):
    return resolve(("Here", {**SETTINGS, **keys}))


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    root = tmp_path_factory.mktemp("primary") / "out"
    report = run_study(configured(**ASKED), root, jobs=1)
    write_report(root)
    return root, report


def test_it_is_answered_first_and_the_rest_is_exploratory(named):
    root, report = named
    first, *others = report["verdict"]["sentences"]
    assert first.startswith("Primary question (")
    assert "Adam / SGD, at training loss 1.90; one test, not corrected for others): " in first
    assert others
    assert all(each.startswith("Exploratory: ") for each in others)
    assert report["primary"] == {
        "measure": "fisher_rao", "numerator": "adam", "denominator": "sgd", "level": 1.9, "named": "before"
    }  # fmt: skip
    assert "Primary, named before the runs" in (root / "methods.md").read_text()
    assert "Everything else is exploratory." in (root / "table.md").read_text()
    assert "\nExploratory.\n" in (root / "table.md").read_text()  # below what the question is not in
    assert "Everything else is exploratory." in (root / "report.html").read_text()
    assert max(map(len, summary(report, 80).splitlines())) <= 80


def test_a_question_named_after_the_runs_is_marked_for_good(tmp_path):
    root = tmp_path / "out"
    small = {"seeds": 1, "lr": {"*": [0.05]}}
    assert run_study(configured(**small), root, jobs=1)["primary"] is None
    late = run_study(configured(**small, **ASKED), root, jobs=1)
    assert late["primary"]["named"] == "after"
    assert late["verdict"]["sentences"][0].startswith("Question named after the runs, so exploratory (")
    assert any("named, or changed, after runs were there" in each for each in late["verdict"]["details"])
    # named away and again: it stays so
    run_study(configured(**small), root, jobs=1)
    assert run_study(configured(**small, **ASKED), root, jobs=1)["primary"]["named"] == "after"


def test_a_question_changed_by_hand_counts_as_named_after(named):
    root, _ = named
    text = (root / "study.toml").read_text()
    (root / "study.toml").write_text(text.replace('primary_measure = "fisher_rao"', 'primary_measure = "weight_norm"'))
    try:
        assert assemble(root)["primary"]["named"] == "after"
    finally:
        (root / "study.toml").write_text(text)
    assert assemble(root)["primary"]["named"] == "before"


def test_a_damaged_record_is_no_record(tmp_path):
    folder, config = RunFolder(tmp_path), configured(**ASKED)
    write_primary(folder, config)
    assert read_primary(folder, config)["named"] == "before"
    folder.primary.write_text(json.dumps({"named": "before"}))
    assert read_primary(folder, config)["named"] == "after"
    other = dataclasses.replace(config, target_loss=(1.0,))
    assert read_primary(folder, other)["named"] == "after"


def test_of_two_optimizers_there_is_one_comparison():
    assert configured(primary_measure="fisher_rao").primary == ("fisher_rao", "adam", "sgd")
    assert configured().primary is None


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"primary_measure": "fisher_row"}, "[Dd]id you mean 'fisher_rao'"),
        ({"primary_measure": "trace"}, "not among the measures"),
        ({"primary_comparison": "adam/sgd"}, "by which measure"),
        ({"primary_measure": "fisher_rao", "primary_comparison": "adan/sgd"}, "[Dd]id you mean 'adam'"),
        ({"primary_measure": "fisher_rao", "primary_comparison": "sgd/adam"}, "one of adam/sgd"),
        ({"primary_measure": "fisher_rao", "primary_comparison": "sgd/sgd"}, "one of adam/sgd"),
        ({"primary_measure": "fisher_rao", "primary_comparison": "adam"}, 'two optimizers. Write .*"adam/sgd"'),
        ({"primary_measure": "fisher_rao", "optimizer": "sgd", "lr": {"*": [0.1]}}, "only sgd is trained"),
        ({"primary_measure": "fisher_rao", "optimizer": "sgd,adam,sam", "lr": {"*": [0.1]}}, 'Name it: primary_c'),
        ({"primary_measure": "weight_norm"}, "cannot be the primary measure"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_is_refused_before_anything_is_written(tmp_path, keys, words):
    with pytest.raises(UsageError, match=words):
        run_study(configured(**keys), tmp_path / "out", jobs=1)
    assert not (tmp_path / "out").exists()
