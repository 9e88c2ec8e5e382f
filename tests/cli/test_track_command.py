"""``landscape track`` as a user types it: rows, files, mistakes, a divergence, a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from landscape.cli.main import cli
from landscape.errors import ProblemError, UsageError
from landscape.report import write_report

ROOT = str(Path(__file__).resolve().parents[2])
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ROOT}
FILE = """
import torch
from torch import nn

def make_model(): return nn.Sequential(nn.Linear(6, 7), nn.BatchNorm1d(7), nn.Tanh(), nn.Dropout(0.1), nn.Linear(7, 3))
def make_data():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 6, generator=generator), torch.randint(3, (60,), generator=generator)
    return (x[:40], y[:40]), (x[40:], y[40:])
def broken(outputs, targets): return outputs.sum() * float("nan")
"""
SMALL = ("--model", "file.py:make_model", "--data", "file.py:make_data", "--device", "cpu")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.py").write_text(FILE)
    return tmp_path


def run(*words, fails=None):
    result = CliRunner().invoke(cli, ["track", *map(str, words)])
    if fails is not None:
        assert isinstance(result.exception, fails), result.exception or result.output
        return str(result.exception)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def numbers(rows):
    return [{key: each for key, each in row.items() if not key.startswith("seconds")} for row in rows]


def test_rows_settings_and_files(place, device):
    adam = ("--optimizer", "adam", "--lr", "0.01", "--batch-size", "8", "--epochs", "4")
    result = run(*SMALL[:-1], device, *adam, "--top-k", "2", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert found["settings"]["optimizer_options"]["betas"] == [0.9, 0.999]
    assert [row["step"] for row in found["rows"]] == [0, 5, 10, 15, 20]
    for row in found["rows"]:
        assert {"train_loss", "top_eigenvalue", "preconditioned_top_eigenvalue", "edge", "ratio"} <= row.keys()
        assert row["edge"] == pytest.approx(3800)
        assert row["ratio"] == pytest.approx(row["preconditioned_top_eigenvalue"] / 3800)
    files = {Path(path).name for path in found["files"]}
    assert files == {"track.json", "track.pdf", "track.png", "report.html"}
    with Image.open(next(path for path in found["files"] if path.endswith(".png"))) as image:
        assert min(image.size) > 500
    page = Path(found["files"][-1]).read_text()
    assert "track-sharpness" in page
    assert "edge of stability" in page
    drawn = json.loads((Path(found["files"][-1]).parent / "figures" / "track.json").read_text())["numbers"]
    for panel, key in (("sharpness", "preconditioned_eigenvalues"), ("plain", "eigenvalues")):
        assert drawn[panel]["eigenvalue 2"]["value"] == [row[key][1]["value"] for row in found["rows"]]
    # the report again, from the files, is the same
    before = {path: Path(path).read_bytes() for path in found["files"]}
    write_report(Path(found["files"][-1]).parent)
    assert all(Path(path).read_bytes() == content for path, content in before.items())


def test_what_the_terminal_shows(place):
    result = run(*SMALL, "--lr", "0.1", "--optimizer-option", "momentum=0", "--batch-size", "full", "--steps", "9")
    text = result.stdout
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "The edge (of the Hessian)" in text
    assert "top eigenvalue" in text
    assert "% of it" in text or "times as long" in text
    assert "Run in runs/track-sgd-file-file-" in result.stderr
    assert "9/9" in result.stderr


def test_no_line_is_drawn_where_theory_has_none(place):
    result = run(*SMALL, "--optimizer", "muon", "--batch-size", "full", "--steps", "4", "--out", "m")
    assert "Muon orthogonalises its steps" in result.stdout
    figure = json.loads((place / "m" / "figures" / "track.json").read_text())["numbers"]
    assert "edge of stability" not in figure["sharpness"]
    assert "Muon orthogonalises" in (place / "m" / "report.html").read_text()


def test_the_same_command_computes_nothing_twice(place):
    words = (*SMALL, "--lr", "0.1", "--batch-size", "full", "--steps", "6", "--every", "2", "--out", "x", "--json")
    first, again = (json.loads(run(*words).stdout) for _ in range(2))
    assert first == again
    message = run(*words[:-3], "--out", "x", "--top-k", "2", fails=UsageError)
    assert "top_k: 1 there, 2 here" in message
    assert "lr" in run(*SMALL, "--lr", "0.2", "--batch-size", "full", "--steps", "6", "--out", "x", fails=UsageError)


def test_the_end_can_be_looked_at_by_other_commands(place):
    run(*SMALL, "--lr", "0.1", "--batch-size", "full", "--steps", "4", "--out", "x")
    result = CliRunner().invoke(cli, ["hessian", "x", "--allow-code", "--no-trace", "--json"])
    last = json.loads((place / "x" / "track.json").read_text())["rows"][-1]
    found = json.loads(result.stdout)["eigenvalues"][0]
    assert found["value"] == pytest.approx(last["top_eigenvalue"], rel=1e-3)


@pytest.mark.parametrize("until", ["loss", "converged"])
def test_until(place, until):
    words = ("--lr", "0.05", "--batch-size", "full", "--steps", "300", "--every", "2", "--until", until)
    found = json.loads(run(*SMALL, *words, "--target-loss", "0.8", "--json").stdout)
    losses = [row["train_loss"] for row in found["rows"]]
    if until == "loss":
        assert found["summary"]["status"] == "stopped"
        assert losses[-1] <= 0.8 < losses[-2]
    else:
        assert found["summary"]["status"] in {"stopped", "finished"}
        if found["summary"]["status"] == "stopped":
            assert min(losses[-10:]) > 0.99 * min(losses[:-10])


def test_a_divergence_is_written_down_and_exits_with_3(place):
    words = ("--lr", "1e9", "--loss", "half_squared", "--batch-size", "full", "--steps", "50", "--every", "5")
    result = run(*SMALL, *words, "--out", "d")
    assert result.exit_code == 3
    assert "counts as diverged" in result.stderr
    rows = json.loads((place / "d" / "track.json").read_text())["rows"]
    assert "diverged" in rows[-1]["diverged"]
    assert rows[-1]["train_loss"] is None or rows[-1]["train_loss"] > 100
    assert "diverged" in (place / "d" / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("--optimizer", "sgd", "--optimizer", "adam"), UsageError, "One training is followed at a time; optimizer"),
        (("--lr", "0.1,0.2"), UsageError, "lr names 0.1, 0.2"),
        (("--optimizer", "adm"), UsageError, "There is no optimizer 'adm'. Did you mean 'adam'?"),
        (("--every", "0"), UsageError, "number of steps, or of epochs"),
        (("--every", "often"), UsageError, "number of steps, or of epochs"),
        (("--until", "never"), UsageError, "one of steps, loss, converged"),
        (("--top-k", "0"), UsageError, "1 or more"),
        (("--optimizer-option", "momentum=1"), UsageError, "momentum of 'sgd' must be at least 0 and below 1"),
        (("--optimizer", "lbfgs", "--lr", "1"), UsageError, "full batch"),
        (("--examples", "100"), UsageError, "There are 40 training examples; examples asks for 100"),
        (("--product", "magic"), UsageError, "no product 'magic'"),
        (("--loss", "file.py:broken"), ProblemError, "nan before training"),
    ],
)
def test_mistakes(place, words, error, message):
    assert message in run(*SMALL, "--epochs", "2", *words, "--out", "x", fails=error)
    assert not (place / "x").exists()  # the mended command is not refused


def test_every_in_epochs_and_from_a_study_file(place):
    (place / "study.toml").write_text(
        'model = "file.py:make_model"\ndata = "file.py:make_data"\noptimizer = "heavy_ball"\nbatch_size = 10\n'
        "epochs = 6\n[lr]\nheavy_ball = 0.05\n"
    )
    found = json.loads(run("study.toml", "--allow-code", "--every", "2epochs", "--json").stdout)
    assert [row["step"] for row in found["rows"]] == [0, 8, 16, 24]
    assert found["settings"]["batch_size"] == 10


def test_a_killed_run_goes_on_bit_for_bit(place):
    words = [*SMALL, "--optimizer", "adam", "--lr", "0.003", "--batch-size", "16", "--steps", "200", "--every", "5"]
    words += ["--product", "double-backward"]
    common = {"cwd": place, "env": ENVIRONMENT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    kept = "import landscape.study.track as track, landscape.cli.main as main; track.KEEP_EVERY = 0; main.main()"
    process = subprocess.Popen([sys.executable, "-c", kept, "track", *words, "--out", "killed"], **common)
    rows, end = place / "killed" / "runs" / "adam-lr0.003-seed0" / "track.jsonl", time.monotonic() + 120
    while not (rows.exists() and len(rows.read_text().splitlines()) > 5):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (place / "killed" / "track.json").exists()
    found = [json.loads(run(*words, "--out", folder, "--json").stdout) for folder in ("killed", "whole")]
    assert len(found[1]["rows"]) == 41
    assert numbers(found[0]["rows"]) == numbers(found[1]["rows"])
    minima = [place / each / "runs" / "adam-lr0.003-seed0" / "optimizer.safetensors" for each in ("killed", "whole")]
    assert minima[0].read_bytes() == minima[1].read_bytes()


def test_help_needs_no_torch():
    code = "import sys; from landscape.cli.track import command; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=False).returncode == 0
