"""``landscape surface`` as a user types it."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from landscape import Problem
from landscape.cli.main import cli
from landscape.errors import LandscapeError, StorageError, UsageError
from landscape.store import read_arrays

ROOT = str(Path(__file__).resolve().parents[2])
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ROOT}
FILE = """
import time, torch
from torch import nn

def model(): return nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 3))
def wide(): return nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 3))
def loader(): return torch.utils.data.TensorDataset(*data()[0])
def data():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 6, generator=generator), torch.randint(3, (60,), generator=generator)
    return (x[:40], y[:40]), (x[40:], y[40:])
class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = model()
    def forward(self, x):
        time.sleep(0.015)
        return self.inner(x)
"""
QUICK = ["--points", "9", "--device", "cpu"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a user's own file, three checkpoints and a finished study."""
    folder = tmp_path_factory.mktemp("surface")
    (folder / "own.py").write_text(FILE)
    namespace: dict = {}
    exec(FILE, namespace)
    for seed, name in enumerate(("sgd", "adam", "swa")):
        torch.manual_seed(seed)
        torch.save(namespace["model"]().state_dict(), folder / f"{name}.pt")
    torch.save(namespace["wide"]().state_dict(), folder / "wide.pt")
    analyze = [
        "analyze", "--model", "mlp", "--model-option", "widths=6", "--train-examples", "100", "--epochs", "6",
        "--seeds", "1", "--target-loss", "1.5", "--lr", "sgd=0.1", "--lr", "adam=0.01", "--surface-points", "0",
        "--resamples", "100", "--device", "cpu", "--jobs", "1", "--measures", "top_eigenvalue",
        "--keep-checkpoints", "4", "--out", str(folder / "study"),
    ]  # fmt: skip
    assert CliRunner().invoke(cli, analyze).exit_code == 0
    return folder


@pytest.fixture
def drawn(place, monkeypatch):
    monkeypatch.chdir(place)
    return ["--model", "own.py:model", "--data", "own.py:data", "--device", "cpu"]


@pytest.fixture
def own(place, monkeypatch):
    """The same, for tests that are not about pictures: these take most of the time."""
    monkeypatch.setattr("landscape.report.surface.writing.surface_figures", lambda grids: [])
    monkeypatch.chdir(place)
    return ["--model", "own.py:model", "--data", "own.py:data", "--device", "cpu"]


def run(*arguments):
    result = CliRunner().invoke(cli, ["surface", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return result


def as_json(*arguments):
    return json.loads(run(*arguments, "--json").stdout)


def refused(kind, *arguments):
    with pytest.raises(LandscapeError) as caught:
        run(*arguments)
    assert type(caught.value) is kind
    return str(caught.value)


def test_files_are_right_and_can_be_opened(drawn, tmp_path, device):
    out = tmp_path / "out"
    files = ["--exact", "--export", "csv,vtk", "--points", "7", "--out", out]
    result = as_json(*drawn[:-1], device, "--checkpoint", "sgd.pt", *files)
    arrays = read_arrays(out / "surface.npz")
    assert arrays["train_loss"].shape == (7, 7)
    assert (arrays["status"] == 1).all()
    namespace: dict = {}
    exec(FILE, namespace)
    model = namespace["model"]()
    model.load_state_dict(torch.load("sgd.pt"))
    problem = Problem(model, "cross_entropy", namespace["data"]()[0])
    assert arrays["train_loss"][3, 3] == pytest.approx(problem.loss(), rel=1e-6)
    rows = list(csv.DictReader((out / "surface.csv").read_text().splitlines()))
    assert len(rows) == 49
    assert float(rows[9]["a"]) == arrays["a"][1]
    assert float(rows[9]["b"]) == arrays["b"][2]
    assert float(rows[9]["test_loss"]) == arrays["test_loss"][1, 2]
    assert_vtk_holds(out / "surface.vtk", arrays)
    for name in ("surface", "surface_3d"):
        with Image.open(out / "figures" / f"{name}.png") as picture:
            assert np.asarray(picture.convert("L")).std() > 5
    page = (out / "report.html").read_text()
    assert "2 of 73 dimensions" in page
    assert result["lowest"]["center"] == pytest.approx(problem.loss(), rel=1e-6)
    assert all(row["disagreement"] < 0.01 for row in result["curvature"])
    assert not list(out.glob(".surface*"))


def assert_vtk_holds(path, arrays):
    """Read the file as its format is described, and compare."""
    data = path.read_bytes()
    assert data.startswith(b"# vtk DataFile Version 3.0\n")
    dimensions = tuple(map(int, re.search(rb"DIMENSIONS (\d+) (\d+) (\d+)", data).groups()))
    assert dimensions == (7, 7, 1)
    for name, key in (("X", "a"), ("Y", "b")):
        start = data.index(f"{name}_COORDINATES 7 double\n".encode()) + len(f"{name}_COORDINATES 7 double\n")
        np.testing.assert_array_equal(np.frombuffer(data[start : start + 56], ">f8"), arrays[key])
    header = b"SCALARS test_loss double 1\nLOOKUP_TABLE default\n"
    start = data.index(header) + len(header)
    values = np.frombuffer(data[start : start + 8 * 49], ">f8").reshape(dimensions[::-1])
    np.testing.assert_array_equal(values[0].T, arrays["test_loss"])


@pytest.mark.parametrize("directions", ["eigen", "extremes", "descent", "update", "vectors.npy"])
def test_every_kind_of_direction(own, tmp_path, directions, device):
    dimensions = 1 if directions == "descent" else 2
    np.save("vectors.npy", np.random.default_rng(0).normal(size=(2, 73)) / 8)
    options = ["--directions", directions, "--dimensions", dimensions, "--out", tmp_path / "out"]
    result = as_json(*own[:-1], device, "--checkpoint", "sgd.pt", *QUICK[:2], *options)
    assert len(result["axes"]) == dimensions
    assert all(row["disagreement"] < 0.02 for row in result["curvature"])
    if directions == "extremes" and dimensions == 2:
        assert result["axes"][0]["eigenvalue"] > result["axes"][1]["eigenvalue"]
        assert result["curvature"][1]["hessian"] == pytest.approx(result["axes"][1]["eigenvalue"], rel=0.01)


def test_line_plane_and_volume(own, tmp_path):
    line = as_json(*own, "--checkpoint", "sgd.pt", "--checkpoint", "adam.pt", *QUICK, "--out", tmp_path / "line")
    assert [mark["on_grid"] for mark in line["marks"]] == [True, True]
    three = ["--checkpoint", "sgd.pt", "--checkpoint", "adam.pt", "--checkpoint", "swa.pt"]
    plane = as_json(*own, *three, *QUICK, "--out", tmp_path / "plane")
    assert plane["dimensions"] == 2
    assert [mark["name"] for mark in plane["marks"]] == ["sgd", "adam", "swa"]
    for mark in plane["marks"][:2]:
        assert mark["on_grid"]
    arrays = read_arrays(tmp_path / "line" / "surface.npz")
    at_one = int(np.flatnonzero(arrays["a"] == 1.0)[0])
    assert arrays["train_loss"][at_one] == pytest.approx(line["marks"][1]["train_loss"], rel=1e-5)
    run(*own, "--checkpoint", "sgd.pt", "--dimensions", "3", "--points", "5", "--out", tmp_path / "volume")
    assert read_arrays(tmp_path / "volume" / "surface.npz")["test_accuracy"].shape == (5, 5, 5)


def test_examples_of_any_kind_have_no_test_part(own, tmp_path):
    loader = ["--model", "own.py:model", "--data", "own.py:loader", "--device", "cpu", "--checkpoint", "sgd.pt", *QUICK]
    whole = as_json(*loader, "--out", tmp_path / "whole")
    assert whole["examples"] == {"train": 40}
    assert whole["paired_error"] is None
    both = as_json(*own, "--checkpoint", "sgd.pt", *QUICK, "--out", tmp_path / "both")
    assert whole["marks"][0]["train_loss"] == both["marks"][0]["train_loss"]
    assert set(read_arrays(tmp_path / "whole" / "surface.npz")) == {"a", "b", "train_loss", "train_accuracy", "status"}
    assert as_json(*loader, "--examples", "20", "--out", tmp_path / "some")["paired_error"] > 0
    more = ["--checkpoint", "adam.pt", "--path", "straight", "--out", tmp_path / "path"]
    assert set(as_json(*loader, *more)["paths"][0]["barriers"]) == {"train"}


def test_runs_of_a_study(own, place, tmp_path):
    study, runs = place / "study", ["--run", "sgd-lr0.1-seed0", "--run", "adam-lr0.01-seed0"]
    initial = as_json(study, *runs, *QUICK, "--directions", "initial", "--out", tmp_path / "initial")
    assert initial["marks"][2]["name"] == "initialisation"
    assert initial["marks"][2]["train_loss"] > 2
    along = as_json(study, *runs[:2], *QUICK, "--directions", "trajectory", "--out", tmp_path / "along")
    assert len(along["trajectory"]) == 4
    assert along["trajectory"][-1] == [0, 0]
    assert 0.8 < sum(along["about"]["explained"]) <= 1
    # the same from files in order
    paths = sorted((study / "runs" / runs[1] / "checkpoints").glob("*.safetensors"))
    named = [word for path in paths for word in ("--checkpoint", path)]
    mlp = ["--model", "mlp", "--model-option", "widths=6", "--train-examples", "100", *QUICK]
    again = as_json(*mlp, *named, "--directions", "trajectory", "--out", tmp_path / "again")
    np.testing.assert_allclose(again["trajectory"], along["trajectory"], rtol=1e-5, atol=1e-6)
    assert again["about"]["explained"] == pytest.approx(along["about"]["explained"])
    subset = run(study, *runs[:2], *QUICK, "--examples", "30", "--out", tmp_path / "subset").stdout
    assert "30 train examples of 100" in subset
    assert "Standard error of the difference" in " ".join(subset.split())


def test_mistakes_are_said(own, place, tmp_path):
    out = ["--out", tmp_path / "out"]
    both = ["--checkpoint", "sgd.pt", "--checkpoint", "adam.pt"]
    assert "does not fit" in refused(UsageError, *own, "--checkpoint", "sgd.pt", "--checkpoint", "wide.pt", *out)
    parallel = np.random.default_rng(0).normal(size=73)
    np.save("parallel.npy", [parallel, -2 * parallel])
    message = refused(UsageError, *own, "--directions", "parallel.npy", *QUICK, *out)
    assert re.search(r"parallel: the angle between them is \S+ degrees", message)
    assert "did you mean" in refused(UsageError, *own, "--directions", "egien", *out).lower()
    assert "at least 3 checkpoints; there are 2" in refused(UsageError, *own, *both, "--directions", "trajectory", *out)
    assert "span 1 dimensions" in refused(UsageError, *own, *both, "--dimensions", "2", *out)
    assert "no file" in refused(UsageError, *own, "--directions", "none.npy", *out)
    refused(UsageError, *own, "--normalization", "neuron", *out)
    refused(UsageError, *own, "--batch-norm", "running", *out)
    refused(UsageError, *own, "--dimensions", "4", *out)
    refused(UsageError, *own, "--quantities", "hessian", *out)
    refused(UsageError, *own, "--path", "spline", *out)
    assert "one is named" in refused(UsageError, *own, *QUICK, "--path", "straight", *out)
    refused(UsageError, place / "study", "--model", "mlp", *out)
    refused(UsageError, *own, "--run", "sgd", *out)
    refused(UsageError, *own, "--out", place / "study")
    refused(StorageError, *own, "--out", place / "own.py")
    assert not (tmp_path / "out").exists()


def test_even_grids_become_odd_and_that_is_said(own, tmp_path):
    for asked, there in ((0, 3), (8, 9)):
        result = run(*own, "--points", asked, "--out", tmp_path / str(asked))
        assert f"{there}, not {asked}" in " ".join(result.stderr.split())
        assert f"{there}, not {asked}" in " ".join(result.stdout.split())
        assert read_arrays(tmp_path / str(asked) / "surface.npz")["a"].shape == (there,)


def test_infinite_losses_are_kept_in_the_file_clipped_in_the_picture_and_said(drawn, tmp_path):
    options = ["--loss", "half_squared", "--radius", "1e19", "--points", "5", "--out", tmp_path / "out"]
    run(*drawn, *options)
    arrays = read_arrays(tmp_path / "out" / "surface.npz")
    assert np.isinf(arrays["train_loss"]).any()
    assert np.isfinite(arrays["train_loss"][2, 2])
    figure = json.loads((tmp_path / "out" / "figures" / "surface.json").read_text())
    assert "infinite or undefined loss, drawn as the highest" in figure["caption"]
    assert "infinite or undefined loss, drawn as the highest" in (tmp_path / "out" / "report.html").read_text()


def test_paths_widths_and_quantities(drawn, tmp_path):
    more = ["--path", "straight,bezier", "--align", "--curve-steps", "20", "--width", "3"]
    more += ["--quantities", "gradient_norm,eigenvalues", "--points", "9", "--out", tmp_path / "out"]
    text = run(*drawn, "--checkpoint", "sgd.pt", "--checkpoint", "adam.pt", *more).stdout
    result = json.loads((tmp_path / "out" / "surface.json").read_text())
    assert [(path["kind"], bool(path["aligned"])) for path in result["paths"]] == [
        ("straight", False), ("bezier", False), ("straight", True), ("bezier", True),
    ]  # fmt: skip
    for path in result["paths"]:
        found = path["barriers"]["train"]
        assert found["low"] <= found["height"] + 1e-9
        assert len(path["columns"]["test_loss"]) == 31
    assert result["paths"][0]["columns"]["train_loss"][0] == pytest.approx(result["marks"][0]["train_loss"], rel=1e-6)
    # the aligned end is the same function
    last = [path["columns"]["train_loss"][-1] for path in result["paths"]]
    np.testing.assert_allclose(last, last[0], rtol=1e-6)
    assert [len(each["coordinates"]) for each in result["widths"]] == [6, 6, 6]
    assert np.shape(result["quantities"]["columns"]["top_eigenvalue"]) == np.shape(result["quantities"]["axes"][0])
    for name in ("paths", "widths", "quantities"):
        with Image.open(tmp_path / "out" / "figures" / f"{name}.png") as picture:
            assert np.asarray(picture.convert("L")).std() > 5
    assert "95 % interval" in " ".join(text.split())
    assert not [line for line in text.splitlines() if len(line) > 80 and str(tmp_path) not in line]


def test_another_surface_is_not_overwritten_and_the_same_is_the_same(own, tmp_path):
    out = ["--out", tmp_path / "out"]
    run(*own, *QUICK, *out)
    first = (tmp_path / "out" / "surface.npz").read_bytes()
    run(*own, *QUICK, *out)
    assert (tmp_path / "out" / "surface.npz").read_bytes() == first
    assert "seed is 0 there and 1 here" in refused(UsageError, *own, *QUICK, "--seed", "1", *out)
    assert "radius is None there and 0.5 here" in refused(UsageError, *own, *QUICK, "--radius", "0.5", *out)


@pytest.mark.slow
def test_killed_at_random_moments_the_file_is_the_same(own, place, tmp_path):
    """SIGKILL, again and again, until a process comes through."""
    common = ["surface", "--model", "own.py:Slow", "--data", "own.py:data", "--device", "cpu", "--points", "21"]
    command = [sys.executable, "-m", "landscape", *common]
    options = {"cwd": place, "env": ENVIRONMENT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*command, "--out", str(tmp_path / "whole")], check=True, **options)
    out, generator, kills = tmp_path / "killed", np.random.default_rng(0), 0
    while not (out / "report.html").exists():
        process = subprocess.Popen([*command, "--out", str(out)], **options)
        deadline = time.monotonic() + 60
        # a kill after a save that added points, so that every life gets somewhere
        before = _saved(out)
        while process.poll() is None and _saved(out) <= before and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(float(generator.uniform(0, 0.2)))
        if process.poll() is None and kills < 2:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait(timeout=120)
    assert kills == 2
    assert (out / "surface.npz").read_bytes() == (tmp_path / "whole" / "surface.npz").read_bytes()


def _saved(out):
    """Return how many points a process has kept so far."""
    for path in out.glob(".surface-*.npz"):
        try:
            return int((read_arrays(path)["status"] > 0).sum())
        except StorageError:
            continue
    return 0


def test_help_needs_no_torch():
    code = (
        "import sys; from click.testing import CliRunner; from landscape.cli.main import cli; "
        "result = CliRunner().invoke(cli, ['surface', '--help']); "
        "sys.exit('torch' in sys.modules or result.exit_code or '--directions' not in result.output)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, env=ENVIRONMENT).returncode == 0


def test_a_trajectory_moves_and_is_drawn_again(place, tmp_path, monkeypatch):
    monkeypatch.setattr("landscape.report.surface.writing.surface_figures", lambda grids: [])
    out = tmp_path / "along"
    options = ["--run", "sgd-lr0.1-seed0", "--directions", "trajectory", *QUICK, "--export", "gif,csv"]
    run(place / "study", *options, "--out", out)
    with Image.open(out / "trajectory.gif") as film:
        assert film.n_frames == 4
        first = np.asarray(film.convert("L"), dtype=float)
        film.seek(3)
        assert np.abs(np.asarray(film.convert("L"), dtype=float) - first).max() > 50
    page = (out / "report.html").read_text()
    assert 'type="range" id="checkpoint" min="0" max="3" value="3"' in page
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for path in before:
        if path.name not in ("surface.json", "surface.npz", "surface.csv", "trajectory.gif"):
            path.unlink()
    assert CliRunner().invoke(cli, ["report", str(out)]).exit_code == 0
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_films_that_there_cannot_be_are_refused(own, place, tmp_path, monkeypatch):
    out = ["--out", tmp_path / "out"]
    assert "shows a trajectory" in refused(UsageError, *own, "--export", "gif", *out)
    monkeypatch.setenv("PATH", str(tmp_path))
    along = [place / "study", "--run", "sgd-lr0.1-seed0", "--directions", "trajectory", "--export", "mp4"]
    assert "ffmpeg, which is not installed" in refused(UsageError, *along, *out)
    assert not (tmp_path / "out").exists()


def test_a_file_beside_runs_and_the_mean_of_minima(own, place, tmp_path):
    study, runs = place / "study", ["--run", "sgd-lr0.1-seed0", "--run", "adam-lr0.01-seed0"]
    third = sorted((study / "runs" / runs[1] / "checkpoints").glob("*.safetensors"))[0]
    result = as_json(study, *runs, "--checkpoint", third, "--average", *QUICK, "--out", tmp_path / "plane")
    assert [mark["name"] for mark in result["marks"]] == [runs[1], runs[3], third.stem, "mean of the 3 minima"]
    places = np.array([mark["coordinates"] for mark in result["marks"]])
    np.testing.assert_allclose(places[3], places[:3].mean(axis=0))
    line = as_json(study, *runs, "--average", "--path", "straight", *QUICK, "--out", tmp_path / "line")
    middle = line["paths"][0]["columns"]["train_loss"][15]
    assert line["marks"][2]["train_loss"] == pytest.approx(middle, rel=1e-6)
    assert "leads elsewhere" in refused(UsageError, *own, "--average", "--out", tmp_path / "none")


def test_lines_along_many_directions(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr("landscape.report.surface.writing.surface_figures", lambda grids: [])
    out = tmp_path / "out"
    found = as_json(*drawn, "--checkpoint", "sgd.pt", *QUICK, "--profiles", "5", "--out", out)["profiles"]
    losses = np.array(found["losses"]["train"])
    assert losses.shape == (5, 31)
    center = json.loads((out / "surface.json").read_text())["lowest"]["center"]
    np.testing.assert_allclose(losses[:, 15], center, rtol=1e-6)
    np.testing.assert_allclose(found["quantiles"]["train"][2], np.sort(losses, axis=0)[2])
    # the first direction is that of a line of the same seed
    line = tmp_path / "line"
    run(*drawn, "--checkpoint", "sgd.pt", "--dimensions", "1", "--points", "31", "--exact", "--out", line)
    np.testing.assert_allclose(read_arrays(line / "surface.npz")["train_loss"], losses[0], rtol=1e-6)
    with Image.open(out / "figures" / "profiles.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 5
