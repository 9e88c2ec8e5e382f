"""Code that a stranger's file names: it runs only where the command line names it too, or says --allow-code."""

import dataclasses
import functools
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from fuzz_corpus import HERE, files_of, unpack

from landscape.cli.main import cli
from landscape.errors import StorageError, UsageError
from landscape.models import build_model
from landscape.references import is_reference, load_reference
from landscape.study.claims import Claims
from landscape.study.code_in_files import FAMILIES, refuse_code_of
from landscape.study.config import resolve
from landscape.study.workers import Counter, Workers
from landscape.training import coming_update, read_snapshot, second_moment
from landscape.training.checkpoint import read_tensors, write_tensors
from landscape.trust import only_code_of

RUN = "adam-lr0.01-seed1"
OF_A_RUN = {
    "hessian": ("--operator", "preconditioned", "--no-trace"),
    "sharpness": ("--measures", "directional_sharpness"),
    "surface": ("--points", "3"),
    "audit": (),
}
SAM = """
model = "mlp"
optimizer = ["sam"]
lr = 0.1
train_examples = 20
epochs = 1
seeds = 1
surface_points = 0
measures = ["weight_norm"]
resamples = 100
"""
SAM_OF_ITS_OWN = f'{SAM}[optimizer_option]\nbase = "planted.py:Own"\n'


def landscape(*arguments):
    return CliRunner(catch_exceptions=False).invoke(cli, list(arguments))


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A folder to work in, with code that leaves a trace when it runs."""
    code = """
        import os, pathlib, torch
        pathlib.Path(os.environ["TRACE"]).touch()
        class Own(torch.optim.SGD): pass
        def loss(outputs, targets): return torch.nn.functional.cross_entropy(outputs, targets)
        def make(): return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    """
    for name in ("planted.py", "planted,.py"):
        (tmp_path / name).write_text("\n".join(line.strip() for line in code.splitlines()))
    trace = tmp_path / "ran"
    monkeypatch.setenv("TRACE", str(trace))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return trace


@pytest.fixture
def folder(tmp_path, planted):
    """A finished study whose one run has the weights of the corpus."""
    root = unpack(files_of("study"), tmp_path / "study")
    for name in ("minimum", "optimizer"):
        (root / "runs" / RUN / f"{name}.matched.safetensors").write_bytes((HERE / f"{name}.safetensors").read_bytes())
    return root


def change_state(folder, **changes):
    path = folder / "runs" / RUN / "optimizer.matched.safetensors"
    tensors, about = read_tensors(path)
    write_tensors(path, tensors, {**about, **changes})


@pytest.mark.parametrize("command", OF_A_RUN)
def test_the_folder_as_it_was_is_measured(folder, planted, command):
    assert landscape(command, str(folder), "--run", RUN, *OF_A_RUN[command]).exit_code == 0
    assert not planted.exists()


@pytest.mark.parametrize("command", OF_A_RUN)
@pytest.mark.parametrize("state", [{"name": "planted.py:Own"}, {"name": "sam", "options": {"base": "planted.py:Own"}}])
def test_an_optimizer_that_its_state_names_is_not_run(folder, planted, command, state):
    change_state(folder, **state)
    with pytest.raises(StorageError, match="not of the optimizer"):
        landscape(command, str(folder), "--run", RUN, *OF_A_RUN[command])
    assert not planted.exists()


@pytest.mark.parametrize("base", ["planted.py:Own", "sgd"])
def test_a_base_that_its_state_names_is_not_run(folder, planted, base):
    run = RUN.replace("adam", "sam")
    change_state(folder, name="sam", options={"rho": 0.05, "normalize": True, "base": base})
    (folder / "runs" / RUN).rename(folder / "runs" / run)
    (folder / "study.toml").write_text((folder / "study.toml").read_text().replace('"adam"', '"sam"'))
    arguments = ("sharpness", str(folder), "--run", run, "--measures", "weight_norm")
    if base == "sgd":
        assert landscape(*arguments).exit_code == 0
    else:
        with pytest.raises(StorageError, match="not of the optimizer"):
            landscape(*arguments)
    assert not planted.exists()


def coming(state):
    return coming_update(state, state.tensors["exp_avg"], [])


@pytest.mark.parametrize(
    ("use", "state"),
    [
        (second_moment, {"name": "planted.py:Own"}),
        (coming, {"name": "planted.py:Own"}),
        (coming, {"name": "sam", "options": {"base": "planted.py:Own"}}),
    ],
)
def test_a_state_runs_nothing_where_nobody_compares_it_with_its_run(folder, planted, use, state):
    change_state(folder, **state)
    run = folder / "runs" / RUN
    read = read_snapshot(run / "minimum.matched.safetensors", run / "optimizer.matched.safetensors").optimizer
    with only_code_of(["landscape", "hessian"]), pytest.raises(UsageError, match="was not run"):
        use(read)
    assert not planted.exists()


@pytest.mark.parametrize("typed", [(), ("--optimizer-option", "rho=0.05"), ("--optimizer-option", "sam.rho=0.05")])
@pytest.mark.parametrize("owner", ["", ".sam"])
def test_an_entry_of_a_table_is_not_trusted_for_another_that_is_typed(planted, typed, owner):
    Path("study.toml").write_text(SAM_OF_ITS_OWN.replace("[optimizer_option]", f"[optimizer_option{owner}]"))
    for command in (("analyze", "--jobs", "1"), ("analyze", "--dry-run"), ("track", "--steps", "2")):
        with pytest.raises(UsageError, match="--allow-code"):
            landscape(command[0], "study.toml", *command[1:], *typed)
    assert not planted.exists()


@pytest.mark.parametrize(
    "honest",
    [("--optimizer-option", "base=planted.py:Own"), ("--optimizer-option=sam.base=planted.py:Own",), ("--allow-code",)],
)
def test_a_base_that_is_typed_or_allowed_runs(planted, honest):
    Path("study.toml").write_text(SAM_OF_ITS_OWN)
    assert landscape("analyze", "study.toml", "--out", "out", "--jobs", "1", *honest).exit_code == 0
    assert planted.exists()
    # and from its folder again, where only the user's word makes the difference
    planted.unlink()
    sys.modules.pop(next(name for name in sys.modules if name.startswith("_landscape_user_planted")))
    with pytest.raises(UsageError, match="--allow-code"):
        landscape("sharpness", "out", "--measures", "weight_norm")
    assert not planted.exists()
    assert landscape("sharpness", "out", "--measures", "weight_norm", "--allow-code").exit_code == 0


def test_an_optimizer_of_torch_in_a_file_is_no_code(planted):
    Path("study.toml").write_text(SAM_OF_ITS_OWN.replace("planted.py:Own", "torch:RAdam"))
    assert landscape("analyze", "study.toml", "--out", "out", "--jobs", "1").exit_code == 0


@pytest.mark.parametrize("allowed", [(), ("--allow-code",)])
def test_a_search_names_no_code(tmp_path, planted, allowed):
    root = unpack(files_of("searched"), tmp_path / "searched")
    text = (root / "study.toml").read_text().replace('"sgd"', '"sam"')
    (root / "study.toml").write_text(text)
    search = json.loads((root / "search.json").read_text().replace('"sgd"', '"sam"'))
    search["optimizers"][0]["picked"]["options"] = {"base": "planted.py:Own"}
    (root / "search.json").write_text(json.dumps(search))
    for command in ("reproduce", *OF_A_RUN):
        # what --allow-code trusts is the study.toml, which one can read
        with pytest.raises(UsageError, match=r"search\.json names code"):
            landscape(command, str(root), *allowed)
    assert not planted.exists()


@pytest.mark.parametrize("key", ["loss", "data"])
@pytest.mark.parametrize("name", ["planted,:make", "planted,.py:loss", "planted:make", "a,planted.py:make"])
def test_a_comma_hides_no_code(folder, planted, key, name):
    lines = [line for line in (folder / "study.toml").read_text().splitlines() if not line.startswith(f"{key} =")]
    (folder / "study.toml").write_text("\n".join([f'{key} = "{name}"', *lines]))
    of_a_run = [(command, str(folder), "--run", RUN, *more) for command, more in OF_A_RUN.items()]
    for arguments in (("analyze", f"{folder}/study.toml", "--jobs", "1"), ("reproduce", str(folder)), *of_a_run):
        with pytest.raises(UsageError, match=r"--allow-code|There is no"):
            landscape(*arguments)
    assert not planted.exists()


@pytest.mark.parametrize(
    "name", ["evil,:f", "a b:f", ".evil:f", "pkg..mod:f", "my-mod:f", ":f", "a/b:f", "x:y:f", "x:1"]
)
def test_a_module_is_a_dotted_name(name):
    assert not is_reference(name)
    with pytest.raises(UsageError, match="names no code"):
        load_reference(name)


@pytest.mark.parametrize("name", ["torch.optim:SGD", "file.py:f", "../a, b.py:f", "C:/x y.py:f"])
def test_files_and_modules_are_references(name):
    assert is_reference(name)


@pytest.mark.parametrize(
    "option", ["checkpoint_path", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir", "weights"]
)
@pytest.mark.parametrize("name", ["timm:resnet10t", "torchvision:resnet18"])
def test_networks_of_others_read_no_weights(tmp_path, name, option):
    if name.startswith("timm") and importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed")
    weights = tmp_path / "x.pth"
    weights.write_bytes(b"x")
    with pytest.raises(UsageError, match=r"fresh weights.*--checkpoint"):
        build_model(name, (3, 32, 32), 10, options={option: str(weights)})


def test_processes_run_what_the_command_line_names(planted):
    arguments = ["--model", "planted.py:make", "--lr", "0.1", "--train-examples", "20", "--epochs", "1", "--seeds", "1"]
    small = ["--surface-points", "0", "--measures", "weight_norm", "--population", "off", "--jobs", "2"]
    command = [sys.executable, "-m", "landscape", "analyze", *arguments, *small, "--out", "out"]
    root = str(Path(__file__).resolve().parents[2])
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": root})
    assert planted.exists()


def test_processes_run_nothing_else(tmp_path, planted):
    Claims(tmp_path / "claims").offer("one")
    task = functools.partial(build_model, "planted.py:make", (1, 8, 8))
    with pytest.raises(UsageError, match="was not run"), only_code_of(["other.py:make"]), Workers(2, ["cpu"]) as pool:
        pool.run(tmp_path / "claims", {"one": task}, Counter(1, None))
    assert not planted.exists()


def test_families_of_names_are_no_code():
    from landscape import registry

    for kind in ("dataset", "model", "optimizer", "measure", "losse"):
        names = getattr(registry, f"{kind}s").names()
        assert {name.partition(":")[0] for name in names if ":" in name} == set(FAMILIES.get(kind, ()))
    families = {"model": "mlp,torchvision:resnet18, timm:resnet18", "optimizer": ["torch:NAdam", "torch:Rprop"]}
    others = {"average": ["ema:0.9"], "primary_comparison": "torch:Rprop/torch:NAdam", "checkpoint": ("a=b.py:c",)}
    with only_code_of([]):
        config = resolve(("study.toml", families))
        refuse_code_of(dataclasses.replace(config, **others), "study.toml")


@pytest.mark.parametrize(
    ("key", "value", "typed"),
    [
        ("model", "code.py:make ", "--model=code.py:make"),
        ("model", ["cnn", "code.py:make,mlp"], "mlp,code.py:make"),
        ("optimizer", "torch:NAdam,code.py:make", "sgd, code.py:make"),
        ("optimizer_option", {"sgd": {"base": "pkg.mod:Class"}}, "sgd.base=pkg.mod:Class"),
        ("optimizer_option", {"base": ["sgd", "pkg.mod:Class"]}, "base=pkg.mod:Class"),
        ("measures", "trace, code.py:make ,top_eigenvalue", "trace,code.py:make"),
        ("model", "torch:load", "torch:load"),
        ("loss", "torch:load", "torch:load"),
        ("loss", "a,b.py:f", "a,b.py:f"),
        ("data", "timm:make", "timm:make"),
    ],
)
def test_code_is_found_as_the_keys_are_read(key, value, typed):
    config = resolve(("study.toml", {key: value}))
    with only_code_of(["other.py:make", f"{typed}x", "--lr=1"]), pytest.raises(UsageError, match="--allow-code"):
        refuse_code_of(config, "study.toml")
    with only_code_of([typed]):
        refuse_code_of(config, "study.toml")
    with only_code_of([]):
        refuse_code_of(config, "study.toml", allowed=True)
        refuse_code_of(config, "study.toml")
