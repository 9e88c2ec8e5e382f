"""``landscape hessian`` as a user types it: right numbers, one message for a mistake, files that can be opened."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from dense_oracle import dense_hessian
from PIL import Image
from torch import nn

from landscape.cli.main import cli
from landscape.errors import LandscapeError, ProblemError, StorageError, UsageError
from landscape.operators.hessian_products import KINDS
from landscape.registry import losses
from landscape.study.curvature import larger_in_density
from landscape.study.folder import RunFolder
from landscape.study.one_minimum import find_run

ROOT = str(Path(__file__).resolve().parents[2])
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ROOT}
FILE = """
import torch
from torch import nn

def model(): return nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 3))
def relu(): return nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 3))
def data():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 6, generator=generator), torch.randint(3, (60,), generator=generator)
    return (x[:40], y[:40]), (x[40:], y[40:])
def origin():
    (x, y), test = data()
    x[33] = 0
    return (x, y), test
def nan_loss(outputs, targets): return outputs.sum() * float("nan")
def of_model(model, batch): return nn.functional.cross_entropy(model(batch[0]), batch[1])
def flat(outputs, targets): return outputs.abs().pow(1.5).mean()
def linear(): return nn.Linear(6, 3, bias=False)
class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, f):
        ctx.save_for_backward(f)
        return f.sin()
    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g): return g * ctx.saved_tensors[0].cos()
class OnceModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 3)
    def forward(self, x): return Once.apply(self.layer(x))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a user's own file, a checkpoint and a finished study."""
    folder = tmp_path_factory.mktemp("hessian")
    (folder / "own.py").write_text(FILE)
    namespace: dict = {}
    exec(FILE, namespace)
    torch.manual_seed(3)
    torch.save(namespace["model"]().state_dict(), folder / "weights.pt")
    analyze = [
        "analyze", "--model", "mlp", "--model-option", "widths=6", "--train-examples", "100", "--epochs", "8",
        "--seeds", "1", "--target-loss", "1.5", "--lr", "sgd=0.1", "--lr", "adam=0.01", "--surface-points", "0",
        "--resamples", "100", "--device", "cpu", "--jobs", "1", "--examples", "60",
        "--measures", "top_eigenvalue,preconditioned_top_eigenvalue", "--out", str(folder / "study"),
    ]  # fmt: skip
    assert CliRunner().invoke(cli, analyze).exit_code == 0
    return folder


@pytest.fixture
def own(place, monkeypatch):
    monkeypatch.chdir(place)
    return ["--model", "own.py:model", "--data", "own.py:data", "--device", "cpu"]


def run(*arguments):
    result = CliRunner().invoke(cli, ["hessian", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return result


def instead(own, *arguments):
    """Return the arguments with some flags in place of the first ones: a repeated flag would name two things."""
    kept = [pair for pair in zip(own[::2], own[1::2], strict=True) if pair[0] not in arguments]
    return [word for pair in kept for word in pair] + list(map(str, arguments))


def printed(*arguments):
    return json.loads(run(*arguments, "--json").stdout)


@pytest.mark.parametrize("linked", [False, True])
def test_a_study_in_a_folder_named_runs_is_no_run_of_the_study_beside_it(place, tmp_path, monkeypatch, linked):
    """A study.toml to start from beside runs/STUDY is usual; runs may lie on another disk."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(place / "study" / "study.toml", "study.toml")
    real = tmp_path / "elsewhere" if linked else tmp_path / "runs"
    shutil.copytree(place / "study", real / "mine")
    if linked:
        (tmp_path / "runs").symlink_to(real, target_is_directory=True)
    run = next(each.name for each in (real / "mine" / "runs").iterdir())
    assert find_run(Path("runs/mine")) == (RunFolder(Path("runs/mine")), None)
    assert find_run(Path("runs/mine/runs") / run) == (RunFolder(Path("runs/mine")), run)
    with pytest.raises(StorageError, match="There is no folder"):
        find_run(Path("runs/mime"))


def timeless(value):
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items() if key not in ("seconds", "created")}
    return [timeless(each) for each in value] if isinstance(value, list) else value


def dense_eigenvalues(place):
    namespace: dict = {}
    exec(FILE, namespace)
    model = namespace["model"]()
    model.load_state_dict(torch.load(place / "weights.pt", weights_only=True))
    x, y = namespace["data"]()[0]
    return torch.linalg.eigvalsh(dense_hessian(model, nn.functional.cross_entropy, x, y))


@pytest.mark.parametrize("method", ["lanczos", "block_lanczos", "power_iteration", "eigsh", "lobpcg"])
def test_eigenvalues_ratio_and_trace_are_those_of_the_dense_hessian(own, place, method, device):
    found = printed(
        *instead(own, "--device", device), "--checkpoint", "weights.pt", "--dtype", "float64", "--method", method,
        "--top-k", 3, "--bottom-k", 2,
        "--trace-method", "xtrace", "--trace-rtol", 1e-3, "--max-matvecs", 3000,
    )  # fmt: skip
    exact = dense_eigenvalues(place)
    expected = [*exact.flip(0)[:3].tolist(), *exact.flip(0)[-2:].tolist()]
    assert [(row["end"], row["rank"]) for row in found["eigenvalues"]] == [
        ("top", 1), ("top", 2), ("top", 3), ("bottom", 2), ("bottom", 1),
    ]  # fmt: skip
    for row, value in zip(found["eigenvalues"], expected, strict=True):
        assert abs(row["value"] - value) <= row["bound"] + 1e-9
        assert row["residual"] <= 1.001e-3 * abs(value)
    ratio = abs(expected[-1] / expected[0])
    assert abs(found["ratio"]["value"] - ratio) <= found["ratio"]["error"] + 1e-9
    assert found["trace"]["value"] == pytest.approx(float(exact.sum()), rel=4e-3)
    assert found["converged"] is True
    assert found["examples"] == 40
    assert found["matvecs"] == found["eigenvalue_solver"]["matvecs"] + found["trace"]["matvecs"]


def test_exact_trace_where_the_network_is_piecewise_linear(own, device):
    trace = instead(own, "--model", "own.py:relu", "--device", device, "--top-k", 0, "--bottom-k", 0)
    found, probes = printed(*trace), printed(*trace, "--trace-method", "xtrace")
    assert found["trace"]["method"] == "exact"
    assert found["trace"]["error_kind"] == "rounding"
    assert found["trace"]["value"] == pytest.approx(probes["trace"]["value"], rel=0.1)
    assert found["eigenvalues"] == []
    assert found["ratio"] is None


@pytest.mark.parametrize("operator", ["gauss_newton", "fisher", "fisher_monte_carlo", "fisher_empirical"])
def test_other_operators_are_positive_semidefinite(own, operator, device):
    found = printed(*instead(own, "--device", device), "--operator", operator, "--top-k", 2, "--bottom-k", 0)
    assert found["operator"] == operator
    assert found["eigenvalues"][0]["value"] > 0
    assert found["trace"]["value"] >= found["eigenvalues"][0]["value"]
    assert "held_bytes" in found["products"]


def test_preconditioned_top_eigenvalue_is_that_of_the_study(place):
    folder = place / "study" / "runs" / "adam-lr0.01-seed0"
    rows = [json.loads(line) for line in (folder / "measurements.jsonl").read_text().splitlines()]
    for stop in ("matched", "end"):
        measured = {row["measure"]: row for row in rows if row["stop"] == stop}
        for operator, name in (("hessian", "top_eigenvalue"), ("preconditioned", "preconditioned_top_eigenvalue")):
            found = printed(folder, "--stop", stop, "--operator", operator, "--no-trace")
            assert found["examples"] == 60
            assert found["eigenvalues"][0]["value"] == pytest.approx(measured[name]["value"], rel=1e-4)


def test_a_run_is_named_or_the_only_one(place):
    study = place / "study"
    first = printed(study, "--run", "sgd-lr0.1-seed0", "--no-trace", "--examples", 80)
    assert first["examples"] == 80
    assert "matched training loss" in first["origin"]
    result = run(study / "runs" / "sgd-lr0.1-seed0", "--no-trace", "--dtype", "float64")
    assert "Measuring run sgd-lr0.1-seed0" in result.stderr
    assert "float64" in result.stdout


def test_checkpoint_differs_from_the_network_as_initialised(own):
    result = run(*own, "--no-trace")
    assert "the network as initialised with seed 0, not trained" in result.stderr
    values = [
        printed(*own, *more, "--no-trace")["eigenvalues"][0]["value"]
        for more in ([], ["--seed", 1], ["--checkpoint", "weights.pt"])
    ]
    assert len(set(values)) == 3


def test_same_command_same_numbers_whatever_the_batches(own):
    arguments = [
        *own,
        "--product",
        "double-backward",
        "--dtype",
        "float64",
        "--density",
        "--out",
        "a",
        "--memory",
        "1GB",
    ]
    first, second = (printed(*arguments) for _ in range(2))
    assert timeless(first["products"].pop("held")) == timeless(second["products"].pop("held"))
    assert timeless(first) == timeless(second)
    batches = [*own, "--dtype", "float64", "--max-batch", 7, "--no-trace"]
    whole = printed(*batches)
    plan = whole["memory_plan"]["eigenvalues"]
    # half of what vectors leave is for graphs
    memory = plan["parameters"] + plan["product"] + plan["batch"] + 2 * int(0.6 * plan["graphs"])
    split = printed(*batches, "--memory", memory)
    assert 1 <= split["products"]["held_batches"] < 6
    assert split["products"]["held_bytes"] <= split["memory_plan"]["eigenvalues"]["held"] < plan["graphs"]
    for row, other, bounded in zip(first["eigenvalues"], whole["eigenvalues"], split["eigenvalues"], strict=True):
        assert row["value"] == pytest.approx(other["value"], rel=1e-9)
        # from a basis that was restarted
        assert abs(row["value"] - bounded["value"]) <= row["bound"] + bounded["bound"]


def test_json_is_one_object_without_nan(place):
    result = subprocess.run(
        [sys.executable, "-m", "landscape", "hessian", "--model", "own.py:relu", "--data", "own.py:data", "--json",
         "--density-probes", "1", "--out", "json"],
        cwd=place, env=ENVIRONMENT,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(result.stdout, parse_constant=lambda word: pytest.fail(word))
    assert {"value", "residual", "bound", "bound_kind"} <= set(found["eigenvalues"][0])
    assert found["density"]["near_zero"]["error"] is None
    assert [Path(each).name for each in found["files"]] == [
        "hessian.json", "spectral_density.pdf", "spectral_density.png", "spectral_density.json", "report.html",
    ]  # fmt: skip


def test_terminal_fits_and_marks_what_has_not_converged(own):
    result = run(*own, "--max-matvecs", 5, "--density", "--out", "marked")
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert " ! " in result.stdout
    assert "! The eigenvalues did not converge: max_matvecs (5) reached." in result.stdout
    assert "! The trace did not converge" in " ".join(result.stdout.split())
    good = run(*own, "--trace-rtol", 0.2).stdout
    assert "!" not in good
    for text in (result.stdout, good):
        lines = [line for line in text.splitlines() if re.match(r"(\d.. )?(largest|smallest) ", line)]
        assert len(lines) >= 5
        assert len({len(line) for line in lines}) == 1


def test_strict_exits_with_5_only_where_something_has_not_converged(own):
    for more, code in ((["--trace-rtol", "0.2"], 0), (["--max-matvecs", "5"], 5)):
        assert CliRunner().invoke(cli, ["hessian", *own, "--strict", *more]).exit_code == code


def test_verbose_says_how_products_were_computed_on_standard_error(own):
    result = run(*own, "--verbose", "--no-trace", "--json")
    assert "double backward" in result.stderr
    assert "1 batch is held" in result.stderr
    json.loads(result.stdout)


def test_memory_is_planned_and_said_before_the_first_product(own):
    result = run(
        *own, "--no-trace", "--density", "--density-probes", 1, "--out", "planned", "--memory", "40MB", "--json"
    )
    lines = result.stderr.splitlines()
    plans = [index for index, line in enumerate(lines) if line.startswith("Memory for ")]
    assert [lines[index].split(",")[0] for index in plans] == ["Memory for eigenvalues", "Memory for density"]
    assert max(plans) < next(index for index, line in enumerate(lines) if line.startswith("eigenvalues ("))
    assert max(map(len, lines)) <= 80
    for plan in json.loads(result.stdout)["memory_plan"].values():
        assert plan["memory"] == 40_000_000
        assert sum(plan[part] for part in ("parameters", "product", "held", "basis")) <= 40_000_000


def test_a_trace_is_planned_where_the_network_wants_a_sketch_of_it(own):
    fine = ["--top-k", 0, "--bottom-k", 0, "--trace-rtol", 0.01]
    found = printed(*own, *fine)
    assert found["memory_plan"]["trace"]["max_basis"] == 4 * 60
    # 73 parameters: room for no sketch, and plain probes need none
    found = printed(*own, *fine, "--memory", 14_000)
    assert (found["memory_plan"], found["trace"]["method"]) == ({}, "hutchinson")
    assert printed(*instead(own, "--model", "own.py:relu"), *fine)["memory_plan"] == {}


@pytest.mark.parametrize("method", ["eigsh", "lobpcg"])
def test_memory_of_scipys_solvers_and_of_a_sketch_is_planned(own, method):
    asked = ["--method", method, "--top-k", 1, "--bottom-k", 0, "--trace-method", "xtrace", "--max-matvecs", 60]
    found = printed(*own, *asked, "--memory", "40MB")
    plans = found["memory_plan"]
    assert (plans["eigenvalues"]["basis_dtype"], plans["trace"]["basis_dtype"]) == ("float64", "float32")
    assert plans["eigenvalues"]["max_basis"] == plans["eigenvalues"]["least_basis"] > 20
    for plan in plans.values():
        assert sum(plan[part] for part in ("parameters", "product", "held", "basis")) <= 40_000_000
    # that is more than Lanczos with its restarts needs
    least = plans["eigenvalues"]["basis"] // 2
    with pytest.raises(ProblemError, match=r"is too small: .* \(--max-batch\), or --method lanczos\."):
        run(*own, *asked, "--memory", least)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_basis_on_the_host_and_rounded_finds_the_same(own, dtype):
    whole = printed(*own, "--no-trace")
    rounded = printed(*own, "--no-trace", "--basis", "host", "--basis-dtype", dtype)
    assert rounded["memory_plan"]["eigenvalues"]["basis_dtype"] == dtype
    assert rounded["converged"]
    for row, other in zip(whole["eigenvalues"], rounded["eigenvalues"], strict=True):
        assert abs(row["value"] - other["value"]) <= row["bound"] + other["bound"]


def test_files_and_folder_by_default(own, tmp_path, monkeypatch, place):
    shutil.copy(place / "own.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    run(*own)
    assert {path.name for path in tmp_path.iterdir()} <= {"own.py", "__pycache__"}
    run(*own, "--density", "--density-probes", 2)
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("hessian-")
    kept = json.loads((folder / "hessian.json").read_text())
    assert kept["density"]["probes"] == 2
    assert (folder / "figures" / "spectral_density.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(folder / "figures" / "spectral_density.png") as image:
        assert len(image.convert("RGB").getcolors(10**6)) > 50
    drawn = json.loads((folder / "figures" / "spectral_density.json").read_text())
    assert drawn["numbers"] == kept["density"]
    before = (folder / "report.html").read_bytes()
    blocker = (
        f"import sys; sys.modules['torch'] = None\nfrom landscape.cli.main import cli; cli(['report', {str(folder)!r}])"
    )
    subprocess.run([sys.executable, "-c", blocker], check=True, env=ENVIRONMENT)
    assert (folder / "report.html").read_bytes() == before


@pytest.mark.parametrize("command", ["hessian", "sharpness", "audit", "surface"])
def test_a_folder_of_another_command_is_refused(own, tmp_path, command):
    (tmp_path / "report.json").write_text("{}")
    (tmp_path / "report.html").write_text("a study")
    result = CliRunner().invoke(cli, [command, *map(str, own), "--out", str(tmp_path)])
    assert isinstance(result.exception, UsageError), result.exception
    assert "holds report.json, of another command. Choose another folder with --out" in str(result.exception)
    assert (tmp_path / "report.html").read_text() == "a study"


def test_another_measurement_is_not_overwritten(own, tmp_path):
    first = [*own, "--no-trace", "--no-density", "--top-k", 2]
    run(*first, "--out", tmp_path)
    kept = (tmp_path / "hessian.json").read_bytes()
    for other, words in (
        (["--top-k", 1], "top_k is 2 there and 1 here"),
        (["--top-k", 2, "--dtype", "float64"], "dtype is float32 there and float64 here"),
        (["--top-k", 2, "--examples", 30], "examples is not given there and 30 here"),
        (["--top-k", 2, "--checkpoint", "weights.pt"], "weights.pt"),
        (["--top-k", 1, "--bottom-k", 2, "--rtol", 0.1, "--seed", 1, "--density"], "and "),
    ):
        arguments = [*own, "--no-trace", *([] if "--density" in other else ["--no-density"]), *other, "--out", tmp_path]
        result = CliRunner().invoke(cli, ["hessian", *map(str, arguments)])
        assert isinstance(result.exception, UsageError), result.exception
        assert words in str(result.exception)
        assert "Choose another folder with --out" in str(result.exception)
        assert (tmp_path / "hessian.json").read_bytes() == kept
    # what changes no number may differ
    run(*first, "--out", tmp_path, "--memory", "1GB", "--product", "double-backward")
    (tmp_path / "hessian.json").write_text("{")
    result = CliRunner().invoke(cli, ["hessian", *map(str, first), "--out", str(tmp_path)])
    assert "cannot be read" in str(result.exception)


def test_help_names_the_products_that_there_are():
    shown = "".join(CliRunner().invoke(cli, ["hessian", "--help"]).output.split())
    for kind in KINDS:
        assert kind.replace(" ", "-") in shown


def test_an_impossible_trace_is_noticed_before_the_eigenvalues(own, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("the eigenvalues came first")

    monkeypatch.setattr("landscape.study.curvature.eigen_solver", lambda name: never)
    result = CliRunner().invoke(cli, ["hessian", *own, "--trace-method", "exact"])
    assert "cannot be had by backward passes" in str(result.exception)


KINK = ["--model", "own.py:linear", "--data", "own.py:origin", "--loss", "own.py:flat"]
BAD = [
    (["--top-k", "200"], 2, "of size 73"),
    (["--top-k", "70", "--bottom-k", "4"], 2, "of size 73"),
    (["--top-k", "-1"], 2, "0 or more"),
    (["--rtol", "-1"], 2, "positive"),
    (["--rtol", "nan"], 2, "positive"),
    (["--trace-rtol", "0"], 2, "positive"),
    (["--max-matvecs", "1"], 2, "2 or more"),
    (["--density-steps", "1"], 2, "2 or more"),
    (["--examples", "41"], 2, "There are 40 training examples"),
    (["--examples", "0"], 2, "1 or more"),
    (["--memory", "1kB"], 3, "budget of 1,000 bytes is too small: one batch needs "),
    (["--memory", "1kB"], 3, "smaller batches (--max-batch)"),
    (["--memory", "8 bananas"], 2, "500MB"),
    (["--basis-dtype", "bfloat16", "--method", "power_iteration"], 2, "is for eigenvalues by lanczos or block_lanczos"),
    (["--basis-dtype", "bfloat16", "--top-k", "0", "--bottom-k", "0", "--density"], 2, "nothing here keeps one"),
    (["--basis", "host", "--method", "eigsh"], 2, "nothing here keeps a basis"),
    (["--basis", "disk"], 2, "device, host"),
    (["--memory", "0"], 2, "500MB"),
    (["--operator", "hesian"], 2, "Did you mean 'hessian'"),
    (["--operator", "preconditioned"], 2, "state of an optimizer"),
    (["--operator", "gauss_newton", "--loss", "own.py:of_model"], 3, "criterion"),
    (["--operator", "fisher", "--trace-method", "exact"], 2, "one of the Hessian's"),
    (["--operator", "fisher", "--product", "double-backward"], 2, "only its own"),
    (["--method", "lanzos"], 2, "Did you mean 'lanczos'"),
    (["--trace-method", "hutch"], 2, "Did you mean"),
    (["--trace-method", "exact"], 3, "cannot be had by backward passes"),
    (["--product", "triple"], 2, "Known: auto, efficient-double-backward, double-backward"),
    (["--product", "dobule"], 2, "Did you mean 'double-backward'"),
    (["--product", "forward"], 2, "Did you mean 'forward-over-reverse'"),
    (["--top-k", "0", "--bottom-k", "0", "--no-trace"], 2, "Nothing is asked for"),
    (["--run", "x"], 2, "Name its folder"),
    (["--stop", "middle"], 2, "matched, end"),
    (["--model", "mlp,cnn"], 2, "One minimum is looked at at a time"),
    (["--checkpoint", "a.pt", "--checkpoint", "b.pt"], 2, "checkpoint names 2"),
    (["--checkpoint", "none.pt"], 4, "none.pt"),
    (["--device", "cuda:99"], 2, "--device cpu"),
    (["--out", "study"], 2, "would be overwritten"),
    (["--out", "own.py"], 4, "is a file"),
    (["--loss", "own.py:nan_loss"], 3, "The loss of batch 1 (of 40 examples) is nan"),
    # its curvature is infinite where an output is exactly zero, as it is at the origin
    ([*KINK, "--max-batch", "8", "--no-trace"], 3, "product of batch 5 (of 8 examples)"),
    ([*KINK, "--operator", "gauss_newton"], 3, "product of batch 1 (of 40 examples) is not finite"),
    (["--model", "own.py:OnceModel"], 3, "cannot be differentiated again"),
    (["study"], 2, "--model is"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "words"), BAD, ids=lambda each: " ".join(each) if isinstance(each, list) else ""
)
def test_mistakes_give_one_message_and_their_exit_code(own, arguments, code, words):
    result = CliRunner().invoke(cli, ["hessian", *instead(own, *arguments)])
    assert isinstance(result.exception, LandscapeError), result.exception
    assert result.exception.exit_code == code
    assert words in str(result.exception)
    assert not result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["study"], 2, "say which with --run: sgd-lr0.1-seed0, adam-lr0.01-seed0"),
        (["study", "--run", "adm-lr0.01-seed0"], 2, "Did you mean 'adam-lr0.01-seed0'"),
        (["study/runs/adam-lr0.01-seed0", "--examples", "101"], 2, "There are 100 training examples"),
        (["study/runs/adam-lr0.01-seed0", "--dataset", "digits"], 2, "Leave out --dataset"),
        (["nowhere"], 4, "There is no folder nowhere"),
        (["."], 4, "no run folder"),
    ],
)
def test_mistakes_with_a_study(own, arguments, code, words):
    result = CliRunner().invoke(cli, ["hessian", *arguments])
    assert isinstance(result.exception, LandscapeError), result.exception
    assert result.exception.exit_code == code
    assert words in str(result.exception)


def test_a_mistake_has_no_traceback_in_the_shell(place):
    result = subprocess.run(
        [sys.executable, "-m", "landscape", "hessian", "--rtol", "-1"],
        capture_output=True, text=True, check=False, cwd=place, env=ENVIRONMENT,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.startswith("Error: --rtol must be a positive number")
    assert not result.stdout


def test_flag_wins_over_environment(own, monkeypatch):
    monkeypatch.setenv("LANDSCAPE_TOP_K", "2")
    monkeypatch.setenv("LANDSCAPE_EXAMPLES", "30")
    found = printed(*own, "--no-trace")
    assert (len(found["eigenvalues"]), found["examples"]) == (3, 30)
    found = printed(*own, "--no-trace", "--top-k", 1, "--examples", 20)
    assert (len(found["eigenvalues"]), found["examples"]) == (2, 20)


def test_any_registered_loss_and_any_loss_of_a_model(own):
    for loss in ("own.py:of_model", "cross_entropy"):
        assert loss == "own.py:of_model" or loss in losses.names()
        values = [row["value"] for row in printed(*own, "--loss", loss, "--trace-rtol", 0.3)["eigenvalues"]]
        assert all(map(math.isfinite, values))


def test_an_eigenvalue_that_the_solver_missed_and_the_density_found_is_said():
    rows = [{"value": 2.0, "bound": 0.1}]
    density = {"above": {"values": [2.2], "residuals": [0.05]}}
    assert larger_in_density(rows, density) == pytest.approx(2.2)
    assert larger_in_density(rows, {"above": {"values": [2.1], "residuals": [0.05]}}) is None
    assert larger_in_density([], density) is None
    assert larger_in_density(rows, None) is None
