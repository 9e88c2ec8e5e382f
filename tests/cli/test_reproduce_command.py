"""`landscape reproduce`: the same study again, and what differs."""

import json
import shutil

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from landscape.cli.main import cli
from landscape.errors import UsageError

SMALL = ["--model", "mlp", "--model-option", "widths=8", "--train-examples", "100", "--examples", "50", "--epochs", "2"]
STUDY = ["analyze", *SMALL, "--seeds", "2", "--lr", "sgd=0.1", "--lr", "adam=0.01", "--surface-points", "3"]
MEASURES = ["--measures", "top_eigenvalue,trace", "--measure-option", "trace.rtol=0.5"]


def landscape(*arguments):
    return CliRunner(catch_exceptions=False).invoke(cli, list(arguments))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduce") / "study"
    assert landscape(*STUDY, *MEASURES, "--jobs", "1", "--out", str(folder)).exit_code == 0
    return folder


def test_a_whole_study_is_the_same_to_the_bit(study):
    result = landscape("reproduce", str(study), "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["identical"]
    assert len(found["runs"]) == 4
    assert found["environment"] == {}
    assert any(each["slices"] == 0 for each in found["runs"])


def test_one_run_trains_with_those_it_trained_with(study):
    result = landscape("reproduce", str(study), "--run", "adam-lr0.01-seed1")
    assert result.exit_code == 0
    assert "The run comes out the same to the bit." in result.stdout


def test_what_was_changed_is_found(study, tmp_path):
    changed = tmp_path / "study"
    shutil.copytree(study, changed)
    run = changed / "runs" / "sgd-lr0.1-seed0"
    rows = [json.loads(line) for line in (run / "measurements.jsonl").read_text().splitlines()]
    rows[0]["value"] *= 1.5
    unsealed = [{key: each for key, each in row.items() if key != "seal"} for row in rows]
    (run / "measurements.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in unsealed))
    tensors = load_file(run / "minimum.safetensors")
    save_file({name: 1.001 * each for name, each in tensors.items()}, run / "minimum.safetensors")
    again = tmp_path / "again"
    result = landscape("reproduce", str(changed), "--run", "sgd-lr0.1-seed0", "--json", "--out", str(again))
    (found,) = json.loads(result.stdout)["runs"]
    assert result.exit_code == 1
    assert found["measurements"] == pytest.approx(1 / 3)
    assert found["weights"] == pytest.approx(0.001, rel=0.01)
    assert found["history"] == 0
    assert found["beyond_error"] == [f"{rows[0]['measure']} at {rows[0]['stop']}"]
    assert (again / "study.toml").exists()


def test_a_run_that_is_not_there_is_named(study):
    with pytest.raises(UsageError, match=r"Did you mean 'sgd-lr0\.1-seed1'"):
        landscape("reproduce", str(study), "--run", "sgd-lr0.1-seed9")


@pytest.fixture
def hostile(tmp_path):
    """A study whose file names code that leaves a trace when it runs."""
    trace = tmp_path / "ran"
    code = f"from pathlib import Path\nPath({str(trace)!r}).touch()\ndef make(): raise SystemExit\n"
    (tmp_path / "code.py").write_text(code)
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "study.toml").write_text(f'model = "{tmp_path}/code.py:make"\nmeasures = ["top_eigenvalue"]\n')
    return folder, trace


@pytest.mark.parametrize("command", ["analyze", "track", "hessian", "sharpness", "surface", "audit", "reproduce"])
def test_code_that_a_file_names_does_not_run(hostile, command):
    folder, trace = hostile
    given = folder / "study.toml" if command in ("analyze", "track") else folder
    with pytest.raises(UsageError, match="--allow-code"):
        landscape(command, str(given))
    assert not trace.exists()


def test_code_that_is_typed_or_allowed_runs(hostile):
    folder, trace = hostile
    landscape("analyze", str(folder / "study.toml"), "--allow-code", "--out", str(folder.parent / "out"))
    assert trace.exists()
