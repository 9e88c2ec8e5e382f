"""A study at several levels of the training loss and after epochs; levels that are added later."""

import tomllib

import pytest
from safetensors.torch import load_file

from landscape.errors import UsageError
from landscape.report import summary, write_report
from landscape.report.tidy_table import tidy_table
from landscape.stops import file_name, is_average, is_level, level_stop, parse_stop, place, stop_words
from landscape.study.config import differences, resolve, to_toml
from landscape.study.extend import is_extension
from landscape.study.folder import RunFolder, read_measurements, stored_config
from landscape.study.run import run_study

SETTINGS = {
    "model": "mlp", "model_option": {"widths": "8"}, "train_examples": 100, "epochs": 5, "seeds": 3,
    "target_loss": [1.6], "lr": {"sgd": [0.1], "adam": [0.02]}, "measures": "weight_norm,train_loss",
    "surface_points": 0, "resamples": 100, "device": "cpu",
}  # fmt: skip
MORE = {"target_loss": [1.6, 1.9, 1e-6], "at_epoch": [2]}


def configured(**keys):
    return resolve(("Here", {**SETTINGS, **keys}))


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A study of one level; then two levels and an epoch are added to it."""
    root = tmp_path_factory.mktemp("levels") / "out"
    before = run_study(configured(), root, jobs=1)
    stored = {path: path.stat().st_mtime_ns for path in (root / "runs").rglob("minimum*.safetensors")}
    said = []
    report = run_study(configured(**MORE), root, jobs=1, on_note=said.append)
    write_report(root)
    return root, before, report, stored, said


def test_points_are_stored_measured_and_related(grown):
    root, _, report, _, _ = grown
    assert list(report["relations"]) == ["matched", "end", "matched:1.9", "epoch:2"]
    for run in report["runs"]:
        assert set(run["minima"]) == {"matched", "end", "matched:1.9", "epoch:2"}
        level = run["minima"]["matched:1.9"]
        assert level["step"] < run["minima"]["matched"]["step"]
        assert level["mismatch"] == pytest.approx(level["train_loss"] / 1.9 - 1)
        assert level["measurements"]["train_loss"]["value"] == pytest.approx(level["train_loss"], rel=1e-4)
        assert run["minima"]["epoch:2"]["epoch"] == 2
        assert (root / "runs" / run["id"] / "minimum.matched-1.9.safetensors").exists()
    rows = report["relations"]["matched:1.9"]["matching"]
    assert [row["seed"] for row in rows] == [0, 1, 2]
    runs = {run["id"]: run["minima"]["matched:1.9"] for run in report["runs"]}
    for row in rows:
        above, below = (runs[each] for each in row["runs"])
        assert row["loss_ratio"] == pytest.approx(above["train_loss"] / below["train_loss"])
        assert row["mismatch"] == [above["mismatch"], below["mismatch"]]


def test_a_level_that_no_run_reaches_is_said(grown):
    _, _, report, _, _ = grown
    assert "No run reached training loss 1e-06." in report["verdict"]["details"]


def test_adding_levels_keeps_what_is_there(grown, tmp_path):
    root, before, report, stored, said = grown
    assert said[-1] == "6 finished runs are trained once more, to find points that were not asked for before."
    assert all(path.stat().st_mtime_ns == then for path, then in stored.items())
    for old, new in zip(before["runs"], report["runs"], strict=True):
        assert {stop: new["minima"][stop] for stop in old["minima"]} == old["minima"]
        assert not any(each["note"] for each in new["minima"].values() if "note" in each)
    # and it is the study that would have been run at once
    at_once = run_study(configured(**MORE), tmp_path / "out", jobs=1)
    for mine, other in zip(report["runs"], at_once["runs"], strict=True):
        for stop in mine["minima"]:
            name = "minimum.safetensors" if stop == "end" else f"minimum.{file_name(stop)}.safetensors"
            first, second = (load_file(place / "runs" / mine["id"] / name) for place in (root, tmp_path / "out"))
            assert all((first[key] == second[key]).all() for key in first)
        assert mine["minima"]["matched:1.9"]["step"] == other["minima"]["matched:1.9"]["step"]
    assert stored_config(RunFolder(root)) == configured(**MORE)


def test_a_stop_in_the_middle_of_adding_costs_nothing_that_was_measured(grown):
    root, _, report, _, _ = grown
    run = report["runs"][0]["id"]
    stray = root / "runs" / run / "minimum.matched-0.5.safetensors"
    stray.write_bytes(b"half a file")
    said = []
    again = run_study(configured(**MORE), root, jobs=1, on_note=said.append)
    assert not stray.exists()
    assert not any("damaged" in each for each in said)
    assert again["runs"][0]["minima"] == report["runs"][0]["minima"]
    assert len(read_measurements(RunFolder(root), run)) == 8


def test_they_stand_side_by_side(grown):
    root, _, report, _, _ = grown
    text = (root / "table.md").read_text()
    assert "loss 1.9" in text
    assert "The primary level is training loss 1.6." in text
    assert "6 of 6" in text
    assert (root / "figures" / "ratio_by_level.json").exists()
    assert not list((root / "figures").glob("paired_sharpness_matched-1.9*"))
    page = (root / "report.html").read_text()
    assert "At other training losses and epochs" in page
    assert "located inside the epoch" in (root / "methods.md").read_text()
    assert max(map(len, summary(report, 80).splitlines())) <= 80
    assert "matched:1.9" in tidy_table(report)


def test_one_level_has_no_table_of_levels(tmp_path):
    report = run_study(configured(seeds=1), tmp_path / "out", jobs=1)
    write_report(tmp_path / "out")
    assert "side by side" not in (tmp_path / "out" / "report.html").read_text()
    assert not (tmp_path / "out" / "figures" / "ratio_by_level.json").exists()
    assert list(report["relations"]) == ["matched", "end"]


def test_a_number_alone_is_one_level():
    assert configured(target_loss=1.6) == configured(target_loss="1.6") == configured()
    config = configured(target_loss="0.3,1,0.1", at_epoch="2,3")
    assert config.stops == ("matched", "end", "matched:1", "matched:0.1", "epoch:2", "epoch:3")
    assert not differences(config, resolve(("there", tomllib.loads(to_toml(config)))))


@pytest.mark.parametrize(
    ("keys", "grows"),
    [
        ({"target_loss": [1.6, 2.0]}, True),
        ({"target_loss": [2.0, 1.6]}, False),
        ({"at_epoch": [1]}, True),
        ({"average": ["ema:0.9"]}, True),
    ],
)
def test_the_primary_level_stays(keys, grows):
    assert is_extension(configured(), configured(**keys)) is grows
    assert not is_extension(configured(**MORE), configured())


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"target_loss": [0.3, 0.3]}, "without repetitions"),
        ({"lr": [0.1, 0.1]}, "without repetitions"),
        ({"target_loss": []}, "nothing to do"),
        ({"optimizer": [], "primary_measure": "trace", "measures": ["trace"]}, "optimizer is empty: nothing to do"),
        ({"target_loss": "0.3,-1"}, "positive"),
        ({"at_epoch": [0]}, "whole number, 1 or more"),
        ({"at_epoch": [5]}, "its end is measured anyway"),
        ({"checkpoint": ["a=tests"], "at_epoch": [1]}, "A checkpoint is one point|tests"),
    ],
)
def test_bad_levels_leave_nothing_behind(tmp_path, keys, words):
    with pytest.raises(Exception, match=words) as caught:
        run_study(configured(**keys), tmp_path / "out", jobs=1)
    assert isinstance(caught.value, UsageError) or "checkpoint" in keys
    assert not (tmp_path / "out").exists()


def test_names_of_points():
    for stop in ("matched", "end", "matched:0.3", "epoch:5", "ema:0.9"):
        assert parse_stop(stop) == stop
    assert parse_stop("matched:0.30") == level_stop(0.3) == "matched:0.3"
    assert [stop_words(each) for each in ("matched:1e-05", "epoch:1", "epoch:7")] == [
        "at training loss 1e-05", "after 1 epoch", "after 7 epochs"
    ]  # fmt: skip
    assert sorted(["swa:0.5", "epoch:10", "matched:0.1", "end", "epoch:9", "matched:1", "matched"], key=place) == [
        "matched", "end", "matched:1", "matched:0.1", "epoch:9", "epoch:10", "swa:0.5"
    ]  # fmt: skip
    assert is_level("matched:1")
    assert not is_average("matched:1")
    for wrong in ("matched:", "matched:-1", "epoch:0", "epoch:1.5", "matched:nan", "beginning"):
        with pytest.raises(ValueError, match="matched, end, a level such as"):
            parse_stop(wrong)
