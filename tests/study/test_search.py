"""The search for hyper-parameters in a study: equal budgets, judged on validation examples, resumable."""

import json

import pytest
import torch
from torch.nn.functional import cross_entropy

from landscape.data import load_dataset
from landscape.errors import ProblemError, StorageError, UsageError
from landscape.models import build_model
from landscape.report import summary, write_report
from landscape.study.assemble import assemble
from landscape.study.config import resolve
from landscape.study.estimate import estimate, estimate_lines
from landscape.study.folder import RunFolder, stored_config
from landscape.study.run import run_study
from landscape.study.search import _edges, validation_split
from landscape.study.search_draws import Draw, draws
from landscape.training import TrainingConfig, train
from landscape.training.search_range import SearchRange

SETTINGS = {
    "model": "mlp", "model_option": {"widths": "8"}, "train_examples": 100, "epochs": 3, "seeds": 2,
    "target_loss": 1.0, "measures": ["train_loss"], "surface_points": 0, "resamples": 100, "device": "cpu",
    "tune": 4, "lr_factor": [1, 2], "tune_range": {"sgd": {"lr": "0.01,1e5"}},
}  # fmt: skip


def settings(**keys):
    return resolve(("Here", {**SETTINGS, **keys}))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("search") / "out"
    report = run_study(settings(), root, jobs=1)
    write_report(root)
    return root, report


def test_every_optimizer_spends_the_same_and_failures_count(study):
    _, report = study
    for each in report["search"]["optimizers"]:
        assert each["spent"] == len(each["drawn"]) == 4
        lost = [row for row in each["drawn"] if row["status"] != "finished"]
        assert each["failed"] == len(lost)
        assert all(row["validation_loss"] is None and row["message"] for row in lost)
    # the range of SGD goes to learning rates of thousands
    assert report["search"]["optimizers"][0]["failed"] >= 1


def test_the_best_by_validation_is_what_the_study_runs(study):
    root, report = study
    for each in report["search"]["optimizers"]:
        done = [row for row in each["drawn"] if row["status"] == "finished"]
        best = min(done, key=lambda row: (-row["validation_accuracy"], row["validation_loss"]))
        assert best["index"] == each["best"]
        own = [run for run in report["runs"] if run["optimizer"] == each["optimizer"]]
        assert sorted({run["lr"] for run in own}) == pytest.approx([best["values"]["lr"], 2 * best["values"]["lr"]])
        assert {run["seed"] for run in own} == {0, 1}
        stored = json.loads((root / "runs" / own[0]["id"] / "config.json").read_text())["training"]
        for key, value in best["options"].items():
            assert stored["optimizer_options"][key] == value
    sgd = report["search"]["optimizers"][0]
    assert stored_config(RunFolder(root)).lr["sgd"] == (sgd["picked"]["lr"],)


def test_scores_are_those_of_training_on_the_rest_and_testing_on_what_was_held_out(study):
    _, report = study
    dataset = load_dataset("digits", train_examples=100)
    split = validation_split(dataset, 0)
    row = next(row for row in report["search"]["optimizers"][1]["drawn"] if row["status"] == "finished")
    model = build_model("mlp", dataset.input_shape, 10, options={"widths": "8"}, seed=0)
    how = TrainingConfig("adam", row["values"]["lr"], row["options"], epochs=3)
    result = train(model, cross_entropy, split, how, device="cpu")
    assert row["validation_loss"] == pytest.approx(result.end.test_loss, rel=1e-4)
    assert row["validation_accuracy"] == pytest.approx(result.end.test_accuracy, abs=1e-6)


def test_the_split_is_of_the_training_set_alone_and_leaves_nothing_out():
    dataset = load_dataset("digits", train_examples=100)
    split = validation_split(dataset, 0)
    assert (len(split.train[0]), len(split.test[0])) == (80, 20)
    rows = torch.cat([split.train[0], split.test[0]]).flatten(1)
    wanted = dataset.train[0].flatten(1)
    assert sorted(map(tuple, rows.tolist())) == sorted(map(tuple, wanted.tolist()))
    assert not torch.equal(validation_split(dataset, 1).test[0], split.test[0])
    few = load_dataset("digits", train_examples=2)
    with pytest.raises(UsageError, match="too few"):
        validation_split(few, 0)


def test_the_test_set_has_no_say(tmp_path):
    """Two studies whose test sets differ pick the same, to the digit."""
    (tmp_path / "data.py").write_text(
        "import torch\n"
        "def make(flip):\n"
        "    g = torch.Generator().manual_seed(0)\n"
        "    x = torch.randn(80, 4, generator=g); y = (x[:, 0] > 0).long()\n"
        "    return (x[:60], y[:60]), (x[60:], 1 - y[60:] if flip else y[60:])\n"
        "def right(): return make(False)\n"
        "def wrong(): return make(True)\n"
    )
    found = []
    for name in ("right", "wrong"):
        config = settings(
            data=f"{tmp_path}/data.py:{name}", train_examples="none", seeds=1, epochs=2, tune=2, tune_range={},
            optimizer="adam", lr_factor=[1],
        )  # fmt: skip
        search = run_study(config, tmp_path / name, jobs=1)["search"]
        for row in search["optimizers"][0]["drawn"]:
            del row["seconds"]
        found.append(search)
    assert found[0] == found[1]


def test_running_again_trains_nothing_and_a_lost_draw_alone_is_tried_again(study):
    root, report = study
    before = {path: path.stat().st_mtime_ns for path in root.glob("**/*-0*.json")}
    assert len(before) == 8
    assert run_study(settings(), root, jobs=1)["search"] == report["search"]
    assert before == {path: path.stat().st_mtime_ns for path in before}
    lost = root / "search" / "adam-002.json"
    old = json.loads(lost.read_text())
    lost.unlink()
    (root / "search.json").unlink()
    with pytest.raises(UsageError, match="search for hyper-parameters is not finished"):
        assemble(root)
    run_study(settings(), root, jobs=1)
    new = json.loads(lost.read_text())
    assert {**new, "seconds": 0} == {**old, "seconds": 0}
    assert {path for path in before if path.stat().st_mtime_ns != before[path]} == {lost}


def test_a_damaged_draw_is_named(study):
    root, _ = study
    path = root / "search" / "sgd-001.json"
    text = path.read_text()
    try:
        path.write_text("{}")
        with pytest.raises(StorageError, match=r"sgd-001\.json is damaged"):
            run_study(settings(), root, jobs=1)
    finally:
        path.write_text(text)


def test_another_budget_in_the_same_folder_is_refused(study):
    root, _ = study
    with pytest.raises(UsageError, match="tune: 4 there, 5 here"):
        run_study(settings(tune=5), root, jobs=1)


def test_the_report_has_the_search(study):
    root, report = study
    markdown, page = (root / "table.md").read_text(), (root / "report.html").read_text()
    for text in (markdown, page, summary(report, 80)):
        assert "Hyper-parameters picked from 4 configurations drawn for each optimizer" in text
    for text in (markdown, page):
        assert "Every configuration drawn for adam" in text
        assert "diverged" in text
    assert max(map(len, summary(report, 80).splitlines())) <= 80
    assert "Sensitivity: the best learning rate" in summary(report, 80)


def test_draws_are_seeded_spread_and_nested():
    def learning_rates(**keys):
        return [each.values["lr"] for each in draws(settings(optimizer="adam", tune_range={}, **keys))]

    assert learning_rates(tune=8)[:4] == learning_rates(tune=4)
    assert learning_rates(seed=1) != learning_rates()
    # quasi-random: of 16 draws, each quarter of the range gets its share to within one
    space = SearchRange(1e-5, 0.1)
    places = [space.place(lr) for lr in learning_rates(tune=16)]
    assert all(3 <= sum(low <= each < low + 0.25 for each in places) <= 5 for low in (0, 0.25, 0.5, 0.75))
    order = [each.optimizer for each in draws(settings(tune=3))]
    assert order == ["sgd", "adam"] * 3


def test_edges_are_said_with_their_side():
    space = {"lr": SearchRange(1e-4, 1.0), "momentum": SearchRange(0.0, 0.999, complement=True)}

    def edges(lr, momentum, count=100):
        return {
            each["name"]: each["side"]
            for each in _edges(Draw("sgd", 0, {"lr": lr, "momentum": momentum}, {}), space, count)
        }

    assert edges(1e-2, 0.9) == {}
    assert edges(1.2e-4, 0.9) == {"lr": "low"}
    assert edges(0.9, 0.0) == {"lr": "high", "momentum": "low"}
    assert edges(1e-2, 0.9988) == {"momentum": "high"}
    # of ten draws the outermost one stands for a tenth of the range
    assert edges(0.5, 0.9, count=10) == {"lr": "high"}
    assert edges(0.5, 0.9) == {}


def test_a_range_where_nothing_trains_is_one_message(tmp_path):
    config = settings(optimizer="sgd", tune=2, tune_range={"sgd": {"lr": "1e8,1e9"}})
    with pytest.raises(ProblemError, match=r"None of the 2 configurations drawn for sgd .*2 diverged.*--tune-range"):
        run_study(config, tmp_path / "out", jobs=1)


def test_dry_run_of_many_runs_names_those_that_differ_in_their_seed_on_one_line():
    keys = {"lr": {"sgd": [0.1], "adam": [0.01]}, "seeds": 21, "epochs": 1, "train_examples": 50, "model": "mlp"}
    lines = estimate_lines(estimate(resolve(("Here", keys)), 1))
    assert lines[:2] == ["sgd-lr0.1-seed0 to 20", "adam-lr0.01-seed0 to 20"]


def test_dry_run_says_what_is_drawn():
    lines = estimate_lines(estimate(settings(), 1))
    assert lines[:2] == ["4 configurations drawn for sgd", "4 configurations drawn for adam"]
    assert any("searching" in line for line in lines)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"tune": 0}, "tune must be a whole number, 1 or more"),
        ({"tune": "many"}, "whole number"),
        ({"tune": 2.5}, "whole number"),
        ({"tune": None}, "Add --tune N"),
        ({"lr": [0.1]}, r"--tune-range sgd\.lr=LOW,HIGH"),
        ({"model": ["mlp", "cnn"], "model_option": {}}, "Keep one, or run a study for each"),
        ({"batch_size": [32, 64]}, "batch_size names 32, 64"),
        ({"checkpoint": ["a.pt"]}, "checkpoints are trained already"),
        ({"tune_range": {"adan": {"lr": "1e-4,1e-2"}}}, "Did you mean 'adam'"),
        ({"tune_range": {"momentun": "0.1,0.2"}}, "Did you mean 'momentum'"),
        ({"tune_range": {"sgd": {"lr": "1,2,3"}}}, "LOW,HIGH"),
        ({"tune_range": {"adam": {"epz": "1e-8,1e-4"}}}, "no option 'epz'"),
        ({"tune_range": {"sgd": {"weight_decay": "1e-5,1e-3"}}, "weight_decay": [0.1]}, "Keep one"),
        ({"train_examples": 2}, "too few to hold some out"),
        ({"lr_factor": [0]}, "lr_factor must be a positive number"),
        ({"lr_factor": []}, "lr_factor is empty"),
    ],
)
def test_bad_searches_leave_nothing_behind(tmp_path, keys, words):
    with pytest.raises(UsageError, match=words):
        run_study(settings(**keys), tmp_path / "out", jobs=1)
    assert not (tmp_path / "out").exists()
