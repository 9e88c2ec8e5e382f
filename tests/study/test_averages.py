"""Averages of the weights in a study: points to measure like any other."""

import json

import pytest
import torch
from safetensors.torch import load_file

from landscape import Problem
from landscape.cli.main import cli
from landscape.data import load_dataset
from landscape.errors import UsageError
from landscape.losses import cross_entropy
from landscape.models import build_model
from landscape.report import write_report
from landscape.study.config import resolve
from landscape.study.run import run_study

AVERAGES = ("ema:0.9", "swa:0.5")
SETTINGS = {
    "model": "cnn", "model_option": {"norm": "batch", "channels": "4,8"}, "train_examples": 120, "epochs": 4,
    "seeds": 2, "target_loss": 0.9, "lr": {"sgd": [0.05], "adam": [0.01]}, "measures": ["weight_norm"],
    "surface_points": 0, "resamples": 100, "device": "cpu", "average": list(AVERAGES),
}  # fmt: skip


def settings(**keys):
    return resolve(("Here", {**SETTINGS, **keys}))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("averages") / "out"
    report = run_study(settings(), root, jobs=1)
    write_report(root)
    return root, report


def test_they_are_stored_measured_and_related(study):
    root, report = study
    dataset = load_dataset("digits", train_examples=120)
    for run in report["runs"]:
        assert set(run["minima"]) >= {"end", *AVERAGES}
        for name in AVERAGES:
            found = run["minima"][name]
            assert found["measurements"]["weight_norm"]["value"] > 0
            model = build_model("cnn", dataset.input_shape, 10, options=SETTINGS["model_option"], seed=run["seed"])
            model.load_state_dict(
                load_file(root / "runs" / run["id"] / f"minimum.{name.replace(':', '-')}.safetensors")
            )
            # BatchNorm's statistics are those that were stored: in evaluation mode
            loss = Problem(model, cross_entropy, dataset.train).evaluate().loss
            assert found["train_loss"] == pytest.approx(loss, rel=1e-4)
    assert list(report["relations"])[-2:] == list(AVERAGES)
    assert report["relations"]["swa:0.5"]["ratios"][0]["pairs"] == 2


def test_tables_and_figures_name_them(study):
    root, _ = study
    text = (root / "table.md").read_text()
    assert "Sharpness at the moving average of the weights (EMA 0.9)" in text
    assert "Sharpness at the mean of the weights (SWA from 50 % on)" in text
    assert "SWA from 50 % on" in (root / "report.html").read_text()
    # 8 steps are few for a memory of ten, which the reader is told
    assert f"ema:0.9: {100 * 0.9**7:.0f} % of this average are the weights after the first step" in text
    assert (root / "figures" / "paired_sharpness_ema-0.9.json").exists()


def test_going_on_leaves_them_as_they_are(study):
    root, report = study
    again = run_study(settings(), root, jobs=1)
    assert [run["minima"] for run in again["runs"]] == [run["minima"] for run in report["runs"]]
    # a lost one is trained again, and comes out the same to the bit
    path = root / "runs" / "adam-lr0.01-seed1" / "minimum.swa-0.5.safetensors"
    before = load_file(path)
    path.unlink()
    run_study(settings(), root, jobs=1)
    assert all(torch.equal(each, before[key]) for key, each in load_file(path).items())


def test_other_commands_take_them(study, capsys):
    root, report = study
    arguments = ["sharpness", str(root), "--run", "sgd-lr0.05-seed0", "--stop", "ema:0.90", "--json"]
    cli.main([*arguments, "--measures", "weight_norm", "--device", "cpu"], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)["measurements"]["weight_norm"]["value"]
    stored = report["runs"][0]["minima"]["ema:0.9"]["measurements"]["weight_norm"]
    assert report["runs"][0]["id"] == "sgd-lr0.05-seed0"
    assert found == pytest.approx(stored["value"], rel=1e-6)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"average": ["ema:1"]}, "ema:DECAY with 0 < DECAY < 1"),
        ({"average": ["swa:0.9"]}, "one point only"),
        ({"average": ["ema:0.9", "ema:0.90"]}, "without repetitions"),
        ({"checkpoint": ["x.pt"]}, "x.pt"),
    ],
)
def test_bad_averages_leave_nothing_behind(tmp_path, keys, words):
    with pytest.raises(Exception, match=words) as caught:
        run_study(settings(**keys), tmp_path / "out", jobs=1)
    assert isinstance(caught.value, UsageError) or "checkpoint" in keys
    assert not (tmp_path / "out").exists()
