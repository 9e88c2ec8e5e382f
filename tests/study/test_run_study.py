"""Whole small studies: what they write, resuming, kills, refusals."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from landscape import Problem, store
from landscape.data import load_dataset
from landscape.errors import ProblemError, StorageError, UsageError
from landscape.losses import cross_entropy
from landscape.models import build_model
from landscape.report.terminal import summary
from landscape.study.assemble import assemble
from landscape.study.cells import cells
from landscape.study.config import resolve
from landscape.study.measure_cell import problem_of
from landscape.study.population import populations
from landscape.study.run import run_study

SMALL = {
    "model": "mlp", "model_option": {"widths": "12"}, "train_examples": 200, "epochs": 8, "seeds": 3,
    "target_loss": 0.3, "lr": {"sgd": [0.05, 0.1], "adam": [0.005, 0.01]},
    "surface_points": 5, "resamples": 200, "device": "cpu",
}  # fmt: skip
TIMES = {"seconds", "created", "seconds_per_epoch", "seconds_to_target_loss", "seconds_to_target_accuracy", "command"}


def small(**keys):
    return resolve(("Here", {**SMALL, **keys}))


def timeless(value):
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items() if key not in TIMES}
    return [timeless(each) for each in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("study") / "out"
    return root, run_study(small(), root, jobs=1)


def test_run_folder_is_that_of_the_design(study):
    root, report = study
    assert {path.name for path in root.iterdir()} == {
        "study.toml",
        "environment.json",
        "measures.json",
        "report.json",
        "runs",
        "together.json",
    }
    run = root / "runs" / "adam-lr0.01-seed2"
    expected = {
        "config.json",
        "history.jsonl",
        "minimum.safetensors",
        "optimizer.safetensors",
        "measurements.jsonl",
        "result.json",
    }
    assert expected <= {path.name for path in run.iterdir()}
    assert len(report["runs"]) == 12
    assert len(list(root.glob("runs/*/surfaces/*.npz"))) == 2
    assert not list(root.rglob("*.part"))
    assert json.loads((root / "report.json").read_text()) == report


def test_minima_are_where_the_report_says(study):
    root, report = study
    dataset = load_dataset("digits", train_examples=200)
    for run in report["runs"]:
        model = build_model("mlp", dataset.input_shape, 10, options={"widths": "12"}, seed=run["seed"])
        for stop, minimum in run["minima"].items():
            name = "minimum.safetensors" if stop == "end" else f"minimum.{stop}.safetensors"
            model.load_state_dict(load_file(root / "runs" / run["id"] / name))
            train, test = (Problem(model, cross_entropy, part).evaluate() for part in (dataset.train, dataset.test))
            assert train.loss == pytest.approx(minimum["train_loss"], rel=1e-5)
            assert minimum["gap_loss"] == pytest.approx(test.loss - train.loss, rel=1e-4)
            assert minimum["gap_error"] == pytest.approx(train.accuracy - test.accuracy, abs=1e-6)
            if stop == "matched":
                assert train.loss <= 0.3 * (1 + 1e-6)
                assert minimum["mismatch"] == pytest.approx(train.loss / 0.3 - 1, abs=1e-5)


def test_slices_have_the_minimum_in_the_middle_on_train_and_test(study):
    root, report = study
    assert [each["optimizer"] for each in report["surfaces"]] == ["sgd", "adam"]
    for each in report["surfaces"]:
        run = next(run for run in report["runs"] if run["id"] == each["run"])
        arrays = store.read_arrays(root / each["file"])
        assert arrays["a"][2] == arrays["b"][2] == 0
        for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
            assert arrays[name].shape == (5, 5)
            assert arrays[name][2, 2] == pytest.approx(run["minima"][each["stop"]][name], rel=1e-5)


def test_optimizers_start_from_the_same_weights_and_loss(study):
    _, report = study
    for seed in range(3):
        first = {run["history"]["train_loss"][0] for run in report["runs"] if run["seed"] == seed}
        assert len(first) == 1
    assert len({run["history"]["train_loss"][0] for run in report["runs"]}) == 3


def test_every_number_carries_its_error(study):
    _, report = study
    for run in report["runs"]:
        for minimum in run["minima"].values():
            found = minimum["measurements"]
            assert set(found) == {measure["name"] for measure in report["measures"]}
            for each in found.values():
                assert each["error"] >= 0
                assert each["matvecs"] > 0
                assert each["examples"] == 200
                assert each["converged"] in (True, False)
            lanczos, power = found["top_eigenvalue"], found["power_iteration_top_eigenvalue"]
            assert abs(lanczos["value"] - power["value"]) <= lanczos["error"] + power["error"]


def test_running_again_computes_nothing_and_changes_nothing(study):
    root, report = study
    before = {path: path.stat().st_mtime_ns for path in root.glob("runs/**/*") if path.is_file()}
    assert timeless(run_study(small(), root, jobs=1)) == timeless(report)
    assert before == {path: path.stat().st_mtime_ns for path in root.glob("runs/**/*") if path.is_file()}


def test_parallel_study_is_the_same(study, tmp_path):
    _, report = study
    torch.set_num_threads(1)
    other = run_study(small(), tmp_path / "parallel", jobs=2)
    names = ("runs", "relations", "surfaces", "verdict")
    mine, theirs = ({name: timeless(each[name]) for name in names} for each in (report, other))
    for a, b in zip(mine["runs"], theirs["runs"], strict=True):
        assert a["history"]["train_loss"] == pytest.approx(b["history"]["train_loss"], rel=1e-3)
    assert [run["id"] for run in mine["runs"]] == [run["id"] for run in theirs["runs"]]
    assert mine["surfaces"] == theirs["surfaces"]


def test_runs_trained_together_leave_the_files_of_runs_trained_one_by_one(tmp_path):
    together, alone = tmp_path / "together", tmp_path / "alone"
    keys = {"dtype": "float64", "surface_points": 0, "measures": ["weight_norm"], "keep_checkpoints": 2, "epochs": 4}
    config = small(
        **keys, population="on", seeds=2, optimizer=["sgd", "muon"], lr={"sgd": [0.05, 0.1], "muon": [0.005]}
    )
    said = []
    run_study(config, together, jobs=1, on_note=said.append)
    assert said == [
        "The 4 runs of sgd train together, as one batched model.",
        "The runs of muon train one by one: muon does not step each number by itself.",
    ]
    run_study(dataclasses.replace(config, population="off"), alone, jobs=1)
    files = sorted(path.relative_to(alone) for path in alone.rglob("runs/**/*") if path.is_file())
    assert files == sorted(path.relative_to(together) for path in together.rglob("runs/**/*") if path.is_file())
    for path in files:
        a, b = alone / path, together / path
        if path.suffix == ".safetensors":
            mine, theirs = load_file(a), load_file(b)
            assert mine.keys() == theirs.keys()
            assert all(torch.allclose(mine[key], theirs[key], rtol=1e-9, atol=1e-12) for key in mine)
        elif path.name == "history.jsonl":
            for mine, theirs in zip(store.read_rows(a), store.read_rows(b), strict=True):
                assert {key for key in mine if mine[key] is None} == {key for key in theirs if theirs[key] is None}
                numbers = {key: each for key, each in theirs.items() if each is not None and key != "seconds"}
                assert {key: mine[key] for key in numbers} == pytest.approx(numbers, rel=1e-9)
    # a run that is missing is trained as it was beside the others
    lost = together / "runs" / "sgd-lr0.1-seed1"
    before = load_file(lost / "minimum.safetensors")
    (lost / "result.json").unlink()
    run_study(config, together, jobs=1)
    after = load_file(lost / "minimum.safetensors")
    assert all(torch.allclose(before[key], after[key], rtol=1e-9, atol=1e-12) for key in before)


def test_small_networks_train_together_by_default(tmp_path):
    device = torch.device("cpu")

    def chosen(**keys):
        config = small(**keys)
        return [each.together for each in populations(config, cells(config), device)]

    assert chosen() == [True, True]
    assert chosen(population="off") == [False, False]
    assert chosen(model_option={"widths": "3000"}) == [False, False]
    assert chosen(model_option={"widths": "3000"}, population="on") == [True, True]
    assert chosen(seeds=1, lr={"sgd": [0.1], "adam": [0.01]}) == [False, False]
    many = small(optimizer=["sgd"], lr={"sgd": [0.1]}, seeds=70)
    (found,) = populations(many, cells(many), device)
    assert [len(part) for part in found.parts(2)] == [24, 23, 23]
    assert sorted(cell.id for part in found.parts(2) for cell in part) == sorted(cell.id for cell in found.cells)


def test_another_configuration_in_the_same_folder_is_refused(study):
    root, _ = study
    with pytest.raises(UsageError, match=r"epochs: 8 there, 9 here"):
        run_study(small(epochs=9), root, jobs=1)


def test_corrupt_files_are_named(study, tmp_path):
    root, _ = study
    path = root / "runs" / "sgd-lr0.1-seed0" / "result.json"
    text = path.read_text()
    try:
        path.write_text(text[: len(text) // 2])
        with pytest.raises(StorageError, match=r"result\.json"):
            assemble(root)
    finally:
        path.write_text(text)


COMMAND = [
    sys.executable, "-m", "landscape", "analyze", "--model", "mlp", "--model-option", "widths=12",
    "--train-examples", "200", "--epochs", "8", "--seeds", "3", "--target-loss", "0.3",
    "--lr", "sgd=0.05,0.1", "--lr", "adam=0.005,0.01",
    "--surface-points", "5", "--resamples", "200", "--device", "cpu",
]  # fmt: skip


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def interruptible():
    """A program that a shell started in the background ignores Ctrl-C, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_for(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        assert process.poll() is None, process.returncode
        time.sleep(0.01)


def living(group):
    """Processes of a group that are neither gone nor waiting to be reaped."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, own = path.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):  # gone meanwhile
            continue
        if own == str(group) and state != "Z":
            found.append(path.parent.name)
    return found


@pytest.mark.slow
def test_killed_studies_end_with_the_undisturbed_table(study, tmp_path):
    _, report = study
    out = tmp_path / "killed"
    for finished, sign in ((1, signal.SIGKILL), (4, signal.SIGINT), (9, signal.SIGKILL)):
        process = subprocess.Popen(
            [*COMMAND, "--out", out, "--jobs", "1"],
            env=environment(),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,
        )
        wait_for(lambda n=finished: len(list(out.glob("runs/*/result.json"))) >= n, process)
        process.send_signal(sign)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == (130 if sign == signal.SIGINT else -signal.SIGKILL)
        if sign == signal.SIGINT:
            assert "run the same command to go on" in errors
            assert "Traceback" not in errors
    # the result of a run is written again with the checksum of its slice
    kept = {path.parent / "history.jsonl" for path in out.glob("runs/*/result.json")}
    kept = {path: path.stat().st_mtime_ns for path in kept}
    assert len(kept) >= 9
    subprocess.run([*COMMAND, "--out", out, "--jobs", "1"], env=environment(), check=True, capture_output=True)
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())
    again = json.loads((out / "report.json").read_text())
    for run, other in zip(timeless(report["runs"]), timeless(again["runs"]), strict=True):
        assert run["id"] == other["id"]
        assert run["history"]["train_loss"] == pytest.approx(other["history"]["train_loss"], rel=1e-3)


@pytest.mark.slow
def test_interrupted_parallel_study_leaves_no_worker_behind(tmp_path):
    out = tmp_path / "interrupted"
    process = subprocess.Popen(
        [*COMMAND, "--epochs", "2000", "--out", out, "--jobs", "2"],
        env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=interruptible,
    )  # fmt: skip
    wait_for(lambda: len(list(out.glob("runs/*/config.json"))) >= 2, process)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    end = time.monotonic() + 20
    while living(process.pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not living(process.pid)


def test_full_disk_is_one_message_and_the_study_goes_on_later(tmp_path):
    """The kernel refuses files over 8 KiB, as a full disk does: a real OSError in a real write."""
    out = tmp_path / "full"
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192));"
        "from landscape.cli.main import main; main()"
    )
    command = [*COMMAND[3:], "--seeds", "1", "--out", str(out), "--jobs", "1"]
    full = subprocess.run(
        [sys.executable, "-c", code, *command], env=environment(), capture_output=True, text=True, check=False
    )
    assert full.returncode == 4, full.stderr
    assert "Cannot write" in full.stderr
    assert "Traceback" not in full.stderr
    assert not list(out.rglob("*.part"))
    subprocess.run(
        [*COMMAND, "--seeds", "1", "--out", out, "--jobs", "1"], env=environment(), check=True, capture_output=True
    )
    assert (out / "report.html").exists()


def test_unwritable_and_foreign_folders(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="is a file"):
        run_study(small(), tmp_path / "file")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        run_study(small(), tmp_path / "other")
    with pytest.raises(StorageError, match="Cannot write"):
        run_study(small(), Path("/proc/landscape"))


def test_target_that_no_run_reaches_is_said(tmp_path):
    report = run_study(small(target_loss=1e-9, seeds=1, epochs=1, lr={"*": [0.01]}), tmp_path / "out", jobs=1)
    assert not any(run["reached"] for run in report["runs"])
    assert all(set(run["minima"]) == {"end"} for run in report["runs"])
    assert set(report["relations"]) == {"end"}
    words = " ".join(report["verdict"]["sentences"] + report["verdict"]["details"])
    assert "reach" in words


def test_divergence_ends_a_run_and_not_the_study(tmp_path):
    report = run_study(
        small(seeds=1, lr={"sgd": [0.05, 1e6], "adam": [0.01]}, optimizer_option={"sgd": {"momentum": 0.9}}),
        tmp_path / "out",
        jobs=1,
    )
    status = {run["id"]: run["status"] for run in report["runs"]}
    assert status == {"sgd-lr0.05-seed0": "finished", "sgd-lr1e+06-seed0": "diverged", "adam-lr0.01-seed0": "finished"}
    diverged = next(run for run in report["runs"] if run["status"] == "diverged")
    assert diverged["message"]
    assert "end" not in diverged["minima"]


CHECKPOINT_STUDY = {**SMALL, "surface_points": 3}


def test_checkpoints_instead_of_training(study, tmp_path):
    root, trained = study
    plain = load_file(root / "runs" / "sgd-lr0.1-seed0" / "minimum.safetensors")
    torch.save({"model_state_dict": {f"module.{name}": each for name, each in plain.items()}}, tmp_path / "sgd.pt")
    adam = root / "runs" / "adam-lr0.01-seed0" / "minimum.safetensors"
    report = run_study(small(checkpoint=[str(tmp_path / "sgd.pt"), f"adam={adam}"]), tmp_path / "out", jobs=1)
    assert report["optimizers"] == ["sgd", "adam"]
    for run, source in zip(report["runs"], ("sgd-lr0.1-seed0", "adam-lr0.01-seed0"), strict=True):
        original = next(each for each in trained["runs"] if each["id"] == source)["minima"]["end"]
        found = run["minima"]["end"]
        assert found["train_loss"] == pytest.approx(original["train_loss"], rel=1e-5)
        expected = original["measurements"]["top_eigenvalue"]["value"]
        assert found["measurements"]["top_eigenvalue"]["value"] == pytest.approx(expected, rel=2e-3)
        assert found["measurements"]["preconditioned_top_eigenvalue"]["value"] is None
    assert len(report["surfaces"]) == 2
    assert not report["trade_offs"]
    assert "Trade-offs" not in summary(report)


FACTORIES = """
import torch
from torch import nn
def two_outputs(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
def raises(): raise RuntimeError("no such layer")
class Nan(nn.Module):
    def __init__(self):
        super().__init__(); self.w = nn.Linear(64, 10)
    def forward(self, x): return self.w(x.flatten(1)) / 0 * 0
def not_finite(): return Nan()
number = 3
def raising_loss(outputs, targets): raise ArithmeticError("no such loss")
def model_loss(model, batch): return model(batch[0]).sum()
"""


@pytest.mark.parametrize(
    ("keys", "error", "words"),
    [
        ({"dataset": "digit"}, UsageError, "Did you mean 'digits'"),
        ({"model": "resnet"}, UsageError, "Did you mean 'resnet"),
        ({"optimizer": ["sgd", "adan"], "lr": [0.1]}, UsageError, "Did you mean 'adam'"),
        ({"measures": ["trases"]}, UsageError, "Did you mean 'trace'"),
        ({"loss": "cross_entropi"}, UsageError, "Did you mean 'cross_entropy'"),
        ({"optimizer_option": {"adam": {"beta": 1}}}, UsageError, "betas"),
        ({"measure_option": {"trace": {"rtoll": 1}}}, UsageError, "rtol"),
        ({"measure_option": {"tracee": {"rtol": 1}}}, UsageError, "tracee"),
        ({"train_examples": 5000}, UsageError, "5000"),
        ({"examples": 5000}, UsageError, "5000"),
        ({"device": "cuda:77"}, UsageError, "not here"),
        ({"device": "abacus"}, UsageError, "abacus"),
        ({"model": "FILE:two_outputs", "model_option": {}}, UsageError, "10 classes but the model has 2 outputs"),
        ({"model": "FILE:raises", "model_option": {}}, UsageError, "RuntimeError: no such layer"),
        ({"model": "FILE:nothing", "model_option": {}}, UsageError, "nothing"),
        ({"model": "FILE:number", "model_option": {}}, UsageError, "not a function"),
        ({"model": "FILE:not_finite", "model_option": {}}, ProblemError, "nan"),
        ({"model": "none.py:f", "model_option": {}}, UsageError, "no file"),
        ({"loss": "FILE:raising_loss"}, ProblemError, "ArithmeticError: no such loss"),
        ({"loss": "FILE:model_loss"}, UsageError, "outputs, targets"),
        ({"dataset": "mnist", "data_dir": "EMPTY"}, StorageError, "EMPTY"),
    ],
)
def test_bad_input_leaves_nothing_behind(tmp_path, keys, error, words):
    (tmp_path / "factories.py").write_text(FACTORIES)
    (tmp_path / "EMPTY").mkdir()
    filled = json.loads(
        json.dumps(keys)
        .replace("FILE", str(tmp_path / "factories.py"))
        .replace('"EMPTY"', json.dumps(str(tmp_path / "EMPTY")))
    )
    with pytest.raises(error, match=words):
        run_study(small(**filled), tmp_path / "out", jobs=1)
    assert not (tmp_path / "out").exists()


def test_foreign_and_truncated_checkpoints(study, tmp_path):
    root, _ = study
    good = root / "runs" / "sgd-lr0.1-seed0" / "minimum.safetensors"
    (tmp_path / "short.safetensors").write_bytes(good.read_bytes()[:-100])
    with pytest.raises(StorageError, match="truncated"):
        run_study(small(checkpoint=[str(tmp_path / "short.safetensors")]), tmp_path / "a", jobs=1)
    torch.save({"other.weight": torch.ones(2)}, tmp_path / "foreign.pt")
    with pytest.raises(UsageError, match=r"missing .*extra 'other.weight'"):
        run_study(small(checkpoint=[str(tmp_path / "foreign.pt")]), tmp_path / "b", jobs=1)
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()


def test_store_writes_no_nan_and_names_bad_lines(tmp_path):
    store.write_json(tmp_path / "a.json", {"x": float("nan"), "y": [float("inf"), 1.0]})
    assert store.read_json(tmp_path / "a.json") == {"x": None, "y": [None, 1.0]}
    store.append_row(tmp_path / "rows.jsonl", {"a": 1})
    store.append_row(tmp_path / "rows.jsonl", {"a": float("nan")})
    assert store.read_rows(tmp_path / "rows.jsonl") == [{"a": 1}, {"a": None}]
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n{"a": ')
    with pytest.raises(StorageError, match="Line 2"):
        store.read_rows(tmp_path / "rows.jsonl")


def test_truncated_arrays_are_named(tmp_path):
    path = tmp_path / "a.npz"
    store.write_arrays(path, {"a": torch.arange(100).numpy()})
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(StorageError, match=r"a\.npz"):
            store.read_arrays(path)


def test_checkpoint_with_a_nan_loss_leaves_nothing_behind(study, tmp_path):
    root, _ = study
    weights = load_file(root / "runs" / "sgd-lr0.1-seed0" / "minimum.safetensors")
    torch.save({name: each * float("nan") for name, each in weights.items()}, tmp_path / "bad.pt")
    with pytest.raises(ProblemError, match=r"bad\.pt"):
        run_study(small(checkpoint=[str(tmp_path / "bad.pt")]), tmp_path / "out", jobs=1)
    assert not (tmp_path / "out").exists()


def test_a_lost_minimum_is_trained_again_and_damage_is_named(tmp_path):
    config = small(seeds=1, lr={"*": [0.05]}, surface_points=0, measures=["trace"])
    report = run_study(config, tmp_path / "out", jobs=1)
    run = tmp_path / "out" / "runs" / "sgd-lr0.05-seed0"
    (run / "minimum.safetensors").unlink()
    (run / "measurements.jsonl").write_text("")
    again = run_study(config, tmp_path / "out", jobs=1)
    assert timeless(again["runs"]) == timeless(report["runs"])
    (run / "measurements.jsonl").write_text('{"stop": "end"}\n')
    with pytest.raises(StorageError, match="damaged"):
        assemble(tmp_path / "out")
    (run / "measurements.jsonl").write_text("")
    (run / "result.json").write_text("{}")
    with pytest.raises(StorageError, match="damaged"):
        assemble(tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_killed_parent_takes_its_workers_along(tmp_path, sign):
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [*COMMAND, "--epochs", "2000", "--out", out, "--jobs", "2"],
        env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: len(list(out.glob("runs/*/config.json"))) >= 2, process)
    process.send_signal(sign)
    process.communicate(timeout=60)
    end = time.monotonic() + 30
    while living(process.pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not living(process.pid)


def test_measured_examples_are_drawn_and_not_the_first(tmp_path):
    (tmp_path / "sorted.py").write_text(
        "import torch\n"
        "def data():\n"
        "    y = torch.arange(300) // 30\n"
        "    x = torch.randn(300, 4, generator=torch.Generator().manual_seed(0)) + y[:, None]\n"
        "    return (x, y), (x[::10], y[::10])\n"
    )
    config = small(data=f"{tmp_path / 'sorted.py'}:data", train_examples="none", seeds=1, examples=25)
    cell = cells(config)[0]
    problem = problem_of(config, cell, torch.device("cpu"), "train")
    ((_, y), _) = next(problem.batches())
    assert problem.num_examples == 25
    assert len(set(y.tolist())) >= 7
    ((_, again), _) = next(problem_of(config, cell, torch.device("cpu"), "train").batches())
    assert torch.equal(y, again)


def test_a_checkpoint_that_changed_under_its_name_is_refused(study, tmp_path):
    root, _ = study
    path = tmp_path / "sgd.pt"
    weights = load_file(root / "runs" / "sgd-lr0.1-seed0" / "minimum.safetensors")
    torch.save(weights, path)
    config = small(checkpoint=[str(path)], surface_points=0, measures=["trace"])
    run_study(config, tmp_path / "out", jobs=1)
    run_study(config, tmp_path / "out", jobs=1)
    torch.save({name: 2 * each for name, each in weights.items()}, path)
    with pytest.raises(UsageError, match="has changed"):
        run_study(config, tmp_path / "out", jobs=1)
