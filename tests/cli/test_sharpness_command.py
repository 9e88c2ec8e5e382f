"""``landscape sharpness`` as a user types it: right numbers, any data, one message for a mistake, files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from dense_oracle import dense_hessian
from torch import nn

from landscape.cli.main import cli
from landscape.errors import LandscapeError, StorageError

ROOT = str(Path(__file__).resolve().parents[2])
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ROOT}
FILE = """
import torch
from torch import nn

def examples(count=40):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 6, generator=generator), torch.randint(3, (count,), generator=generator)

def model(): return nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 3))
def relu(): return nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 3))
def normed(): return nn.Sequential(nn.Linear(6, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 3))
def linear(): return nn.Linear(6, 3)
def wide(width): return nn.Linear(6, width)
def number(): return 3
def broken(): raise KeyError("lost")
def images(): return nn.Conv2d(3, 4, 3)
thing = 5

def data(): return examples(), examples(20)
def alone(): return examples()
def dataset(): return torch.utils.data.TensorDataset(*examples())
def loader(): return torch.utils.data.DataLoader(dataset(), batch_size=16)
def dicts():
    x, y = examples()
    return [{"x": x[:25], "labels": y[:25]}, {"x": x[25:], "labels": y[25:]}]
def split_dicts():
    x, y = examples()
    return {"x": x, "labels": y}, {"x": x[:7], "labels": y[:7]}
def pairs():
    x, y = examples()
    return [(x[:25], y[:25]), (x[25:], y[25:])]
def nothing(): return []
class Augmented(torch.utils.data.Dataset):
    def __len__(self): return 12
    def __getitem__(self, index):
        x, y = examples()
        return x[index] + torch.randn(6), y[index]
def augmented(): return Augmented()
def sizeless(): return [{"text": "a"}, {"text": "b"}]
def wants(folder): return examples()

def of_dict(model, batch): return nn.functional.cross_entropy(model(batch["x"]), batch["labels"])
def of_model(model, batch): return nn.functional.cross_entropy(model(batch[0]), batch[1])
def vector(model, batch): return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none")
def whole(model, batch): return (model(batch[0]).argmax(1) == batch[1]).sum()
def nan(model, batch): return model(batch[0]).sum() * float("nan")
def constant(model, batch): return batch[0].sum()
def silent(model, batch): pass
def zero(model, batch): return model(batch[0]).mean()
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a user's own file and two checkpoints, one of another architecture."""
    folder = tmp_path_factory.mktemp("sharpness")
    (folder / "own.py").write_text(FILE)
    torch.manual_seed(3)
    made = names()["model"]()
    torch.save({"state_dict": {f"module.{name}": each for name, each in made.state_dict().items()}}, folder / "w.pt")
    torch.save(nn.Linear(4, 4).state_dict(), folder / "other.pt")
    return folder


@pytest.fixture
def own(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("LANDSCAPE_DEVICE", "cpu")


def names():
    namespace: dict = {}
    exec(FILE, namespace)
    return namespace


def run(*arguments):
    result = CliRunner().invoke(cli, ["sharpness", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def printed(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout, parse_constant=lambda word: pytest.fail(word))


def dense(model="model"):
    made = names()
    network = made[model]()
    if model == "model":
        loaded = torch.load("w.pt", weights_only=True)["state_dict"]
        network.load_state_dict({name.removeprefix("module."): each for name, each in loaded.items()})
    return dense_hessian(network, nn.functional.cross_entropy, *made["examples"]())


@pytest.mark.parametrize("data", ["data", "alone", "dataset", "loader", "dicts", "split_dicts", "pairs"])
def test_any_data_give_the_numbers_of_the_dense_hessian(own, data, device):
    loss = "own.py:of_dict" if "dicts" in data else "cross_entropy"
    found = printed(
        "--model", "own.py:model", "--checkpoint", "w.pt", "--data", f"own.py:{data}", "--loss", loss,
        "--dtype", "float64", "--measure-option", "trace.rtol=0.02", "--device", device,
    )  # fmt: skip
    exact, measured = dense(), found["measurements"]
    assert measured["top_eigenvalue"]["value"] == pytest.approx(float(torch.linalg.eigvalsh(exact)[-1]), rel=1e-5)
    assert measured["trace"]["value"] == pytest.approx(float(exact.trace()), abs=5 * measured["trace"]["error"])
    assert found["examples"] == 40
    assert {"settings", "asked", "notes", "warnings", "environment"} <= set(found)


def test_blocks_of_layers_are_those_of_the_dense_hessian(own, device):
    for model in ("relu", "model"):
        more = ["--checkpoint", "w.pt"] if model == "model" else []
        found = printed(
            "--model", f"own.py:{model}", "--data", "own.py:data", *more, "--dtype", "float64", "--per-layer",
            "--measures", "top_eigenvalue", "--device", device,
        )  # fmt: skip
        assert [each["name"] for each in found["layers"]] == ["0", "2"]
        assert [each["parameters"] for each in found["layers"]] == [49, 24]
        if model == "model":
            exact = dense()
            for layer, block in zip(found["layers"], (exact[:49, :49], exact[49:, 49:]), strict=True):
                assert layer["top_eigenvalue"] == pytest.approx(float(torch.linalg.eigvalsh(block)[-1]), rel=1e-5)
                assert layer["trace"] == pytest.approx(float(block.trace()), abs=5 * layer["trace_error"])
        else:
            assert {each["trace_kind"] for each in found["layers"]} == {"rounding"}


def test_a_subset_of_the_parameters_is_a_block(own, device):
    arguments = ["--model", "own.py:model", "--data", "own.py:data", "--checkpoint", "w.pt", "--dtype", "float64"]
    found = printed(*arguments, "--parameters", "2.*", "--measures", "top_eigenvalue", "--device", device)
    assert found["parameters"] == 24
    expected = float(torch.linalg.eigvalsh(dense()[49:, 49:])[-1])
    assert found["measurements"]["top_eigenvalue"]["value"] == pytest.approx(expected, rel=1e-5)


def test_verified_against_the_dense_hessian(own, device):
    network = ["--model", "own.py:relu", "--data", "own.py:data", "--device", device]
    found = printed(*network, "--verify", "--measures", "top_eigenvalue")
    rows = {each["what"]: each for each in found["verification"]["comparisons"]}
    assert set(rows) == {"products", "top eigenvalue", "trace", "exact diagonal"}
    assert found["verification"]["agrees"] is True
    assert all(each["difference"] < 1e-4 for each in rows.values())


def test_terminal_is_readable_at_80_columns_and_marks_what_has_not_converged(own):
    result = run(
        "--model", "own.py:normed", "--data", "own.py:data", "--measures", "top_eigenvalue,trace", "--per-layer",
        "--verify", "--verbose", "--measure-option", "top_eigenvalue.max_matvecs=2",
    )  # fmt: skip
    assert max(map(len, result.stdout.splitlines())) <= 80
    text = " ".join(result.stdout.split())
    assert "What each cannot see:" in text
    assert "! top_eigenvalue has not converged" in text
    assert "This is not a minimum" in text
    assert "BatchNorm uses its running statistics" in result.stderr
    strict = ["--model", "own.py:normed", "--data", "own.py:data", "--strict", "--measures", "top_eigenvalue"]
    assert run(*strict).exit_code == 0
    assert run(*strict, "--measure-option", "top_eigenvalue.max_matvecs=2").exit_code == 5


def test_files_are_written_and_written_again_without_torch(own, tmp_path):
    arguments = ["--model", "own.py:relu", "--data", "own.py:data", "--out", tmp_path, "--verify", "--per-layer"]
    found = printed(*arguments)
    assert [Path(each).name for each in found["files"]] == ["sharpness.json", "table.md", "table.tex", "report.html"]
    assert "top eigenvalue" in (tmp_path / "table.md").read_text()
    assert r"\toprule" in (tmp_path / "table.tex").read_text()
    before = (tmp_path / "report.html").read_bytes()
    again = f"from landscape.cli.main import cli; cli(['report', {str(tmp_path)!r}])"
    code = f"import sys; sys.modules['torch'] = None\n{again}"
    subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT, capture_output=True)
    assert (tmp_path / "report.html").read_bytes() == before
    other = CliRunner().invoke(cli, ["sharpness", *map(str, arguments), "--rtol", "0.1"])
    assert "holds another measurement: rtol is not given there and 0.1 here" in str(other.exception)


def test_freezing_makes_augmented_data_measurable(own):
    arguments = ["--model", "own.py:model", "--data", "own.py:augmented", "--measures", "top_eigenvalue"]
    assert "--freeze-data" in str(CliRunner().invoke(cli, ["sharpness", *arguments]).exception)
    found = printed(*arguments, "--freeze-data")
    assert found["measurements"]["top_eigenvalue"]["converged"]
    assert any("one pass" in note for note in found["notes"])


def test_weight_decay_and_batch_norm_change_the_problem(own):
    arguments = [
        "--model",
        "own.py:normed",
        "--data",
        "own.py:data",
        "--measures",
        "top_eigenvalue",
        "--dtype",
        "float64",
    ]
    plain = printed(*arguments)["measurements"]["top_eigenvalue"]["value"]
    decayed = printed(*arguments, "--weight-decay", 0.5)
    assert decayed["measurements"]["top_eigenvalue"]["value"] == pytest.approx(plain + 0.5, rel=1e-4)
    assert any("Weight decay of 0.5 is in the loss" in each for each in decayed["warnings"])
    assert printed(*arguments, "--batch-norm", "batch")["measurements"]["top_eigenvalue"]["value"] != plain


def test_a_small_memory_restarts_the_basis_and_changes_no_number_beyond_its_error(own):
    given = ["--model", "own.py:model", "--checkpoint", "w.pt", "--data", "own.py:data", "--dtype", "float64"]
    given += ["--max-batch", 10, "--measures", "top_eigenvalue,bottom_eigenvalue,trace,log_det"]
    given += ["--measure-option", "log_det.num_probes=2", "--measure-option", "log_det.steps=30"]
    free, bounded = (printed(*given, *more) for more in ([], ["--memory", "40kB"]))
    for name, row in free["measurements"].items():
        other = bounded["measurements"][name]
        assert other["value"] == pytest.approx(row["value"], abs=5 * (row["error"] + other["error"])), name
    reasons = [each["measurements"]["log_det"]["reason"] for each in (free, bounded)]
    assert ["memory holds no more vectors" in each for each in reasons] == [False, True]
    assert bounded["asked"]["memory"] == 40_000
    assert set(free["memory_plan"]) == set(bounded["memory_plan"]) == {"eigenvalues", "density"}
    for plan in bounded["memory_plan"].values():
        assert sum(plan[part] for part in ("parameters", "product", "held", "basis")) <= plan["memory"] == 30_000


def test_memory_is_planned_and_said_before_the_first_measure(own):
    result = run(
        "--model", "own.py:model", "--data", "own.py:data", "--measures", "margin,frobenius_norm,top_eigenvalue"
    )
    lines = result.stderr.splitlines()
    plans = [index for index, line in enumerate(lines) if line.startswith("Memory for ")]
    assert [lines[index].split(",")[0] for index in plans] == ["Memory for sketch", "Memory for eigenvalues"]
    assert max(plans) < next(index for index, line in enumerate(lines) if line.startswith("margin"))
    assert max(map(len, lines)) <= 80
    assert "Memory for" not in run("--model", "own.py:model", "--data", "own.py:data", "--measures", "margin").stderr


def test_what_the_memory_does_not_hold_is_a_warning_and_5_under_strict(own):
    asked = [*OWN, "--measures", "train_loss,top_eigenvalue", "--memory", "1kB"]
    result = run(*asked, "--strict")
    assert result.exit_code == 5
    assert "! Memory does not suffice for top_eigenvalue, which could not be had" in " ".join(result.stdout.split())
    assert run(*asked).exit_code == 0
    assert run(*OWN, "--measures", "train_loss,preconditioned_top_eigenvalue", "--strict").exit_code == 0


@pytest.mark.parametrize("command", ["sharpness", "hessian", "surface", "audit"])
def test_a_folder_that_cannot_be_made_is_refused_before_measuring(own, command):
    """As root /proc says that it can be written to."""
    result = CliRunner().invoke(cli, [command, *OWN, "--out", "/proc/landscape"])
    assert isinstance(result.exception, StorageError)
    assert "Cannot write to /proc" in str(result.exception)
    assert "Measuring" not in result.stderr


def test_what_a_measure_refuses_stands_beside_the_others(own):
    measures = "top_eigenvalue,preconditioned_top_eigenvalue"
    found = printed("--model", "own.py:model", "--data", "own.py:data", "--measures", measures)
    rows = found["measurements"]
    assert rows["top_eigenvalue"]["value"] > 0
    assert rows["preconditioned_top_eigenvalue"]["value"] is None
    assert rows["preconditioned_top_eigenvalue"]["reason"]


OWN = ["--model", "own.py:model", "--data", "own.py:data"]
BAD = [
    (["--measures", "top_eigenvalu"], 2, "Did you mean 'top_eigenvalue'"),
    (["--measures", ""], 2, "No measure is named"),
    (["--measures", "trace,trace"], 2, "without repetitions"),
    (["--rtol", "0"], 2, "positive"),
    (["--measure-option", "trace"], 2, "KEY=VALUE"),
    (["--measure-option", "rtol=1"], 2, "NAME.KEY=VALUE"),
    (["--measure-option", "trace.rtl=1"], 2, "Did you mean 'rtol'"),
    (["--measure-option", "margin.rtol=1"], 2, "which is not measured"),
    (["--batch-norm", "train"], 2, "evaluation, batch"),
    (["--parameters", "layer4.*"], 2, "layer4"),
    (["--examples", "41"], 2, "There are 40 training examples"),
    (["--model", "own.py:mdoel"], 2, "Did you mean 'model'"),
    (["--model", "nowhere.py:model"], 2, "There is no file 'nowhere.py'"),
    (["--model", "own.py:thing"], 2, "not a function"),
    (["--model", "own.py:wide"], 2, "own.py:wide wants width, which nobody gives. Type --model-option width="),
    (["--model", "own.py:number"], 2, "must return a torch.nn.Module"),
    (["--model", "own.py:broken"], 2, "own.py:broken raised KeyError"),
    (["--model", "own.py:images"], 3, "raised RuntimeError"),
    (["--checkpoint", "other.pt"], 2, "does not fit the model"),
    (["--checkpoint", "none.pt"], 4, "There is no checkpoint"),
    (["--data", "own.py:wants"], 2, "wants folder"),
    (["--data", "own.py:thing"], 2, "not a function"),
    (["--data", "own.py:number"], 2, "returned a int"),
    (["--data", "own.py:nothing"], 3, "no examples"),
    (["--data", "own.py:sizeless", "--loss", "own.py:of_dict"], 3, "batch_size_of"),
    (["--data", "own.py:dicts"], 3, "loss(model, batch)"),
    (["--loss", "own.py:vector"], 3, "one number"),
    (["--loss", "own.py:whole"], 3, "one number"),
    (["--loss", "own.py:silent"], 3, "one number"),
    (["--loss", "own.py:nan"], 3, "nan"),
    (["--loss", "own.py:constant"], 3, "depend"),
    (["--loss", "own.py:thing"], 2, "function"),
    (["--weight-decay", "-1"], 2, "0 or more"),
    (["--memory", "8 bananas"], 2, "500MB"),
    (["--memory", "5kB"], 3, "memory budget of 5,000 bytes is too small"),
    (["--out", "own.py"], 4, "is a file"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "words"), BAD, ids=lambda each: " ".join(each) if isinstance(each, list) else ""
)
def test_mistakes_give_one_message_and_their_exit_code(own, arguments, code, words):
    kept = [
        word for flag, word in zip(OWN[::2], OWN[1::2], strict=True) if flag not in arguments for word in (flag, word)
    ]
    result = CliRunner().invoke(cli, ["sharpness", *kept, *arguments])
    assert isinstance(result.exception, LandscapeError), result.exception
    assert result.exception.exit_code == code, result.exception
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not result.stdout


def test_a_run_of_a_study_and_a_part_of_its_parameters(tmp_path):
    analyze = [
        "analyze", "--model", "mlp", "--model-option", "widths=6", "--train-examples", "60", "--epochs", "3", "--seeds",
        "1", "--target-loss", "2", "--optimizer", "adam", "--lr", "0.01", "--surface-points", "0", "--resamples", "100",
        "--device", "cpu", "--jobs", "1", "--measures", "top_eigenvalue,preconditioned_top_eigenvalue", "--out",
        str(tmp_path),
    ]  # fmt: skip
    assert CliRunner().invoke(cli, analyze).exit_code == 0
    (kept,) = (tmp_path / "runs").glob("*/measurements.jsonl")
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    stored = {row["measure"]: row["value"] for row in rows if row["stop"] == "end"}
    names = ["--measures", "top_eigenvalue,preconditioned_top_eigenvalue"]
    found = printed(tmp_path, "--stop", "end", *names)["measurements"]
    assert {name: row["value"] for name, row in found.items()} == pytest.approx(stored, rel=1e-4)
    part = printed(tmp_path, "--stop", "end", *names, "--parameters", "3.*")["measurements"]
    assert 0 < part["preconditioned_top_eigenvalue"]["value"] <= stored["preconditioned_top_eigenvalue"] * 1.001


def test_a_traceback_only_with_debug(place):
    words = [sys.executable, "-m", "landscape", "sharpness", "--rtol", "-1"]
    for more, shown in (([], False), (["--debug"], True)):
        result = subprocess.run(
            [*words, *more], capture_output=True, text=True, check=False, cwd=place, env=ENVIRONMENT
        )
        assert ("Traceback" in result.stderr) is shown
        assert result.returncode == 2


def test_a_loss_without_curvature_is_measured(own):
    found = printed("--model", "own.py:linear", "--data", "own.py:data", "--loss", "own.py:zero", "--verify")
    assert found["measurements"]["top_eigenvalue"]["value"] == pytest.approx(0, abs=1e-6)
    assert found["verification"]["agrees"] is True
