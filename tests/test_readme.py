"""What README says is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from landscape.cli.main import COMMANDS
from landscape.study.cells import cells
from landscape.study.config import read_toml, resolve

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs(code, tmp_path):
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "top_eigenvalue" in result.stdout or "measures.register" in code


def test_the_measure_of_the_example_is_measured(tmp_path):
    (code,) = [each for each in blocks("python") if "measures.register" in each]
    assert len([line for line in code.splitlines() if line]) <= 15
    used = """
import torch, landscape
model, data = torch.nn.Linear(6, 3), (torch.randn(20, 6), torch.randint(3, (20,)))
result = landscape.measure(model, "cross_entropy", data, ["gradient_norm", "gradient_norm.py:MEASURE"])
gradient = landscape.Problem(model, "cross_entropy", data).gradient()
assert all(each.converged and each.value == float(gradient.norm()) for each in result.values())
"""
    (tmp_path / "gradient_norm.py").write_text(code)
    result = subprocess.run(
        [sys.executable, "-c", code + used], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_study_file_is_valid(tmp_path):
    (code,) = blocks("toml")
    (tmp_path / "study.toml").write_text(code)
    config = resolve(("study.toml", read_toml(tmp_path / "study.toml")))
    assert len(cells(config)) == 2 * 2 * 2 * 3


def test_commands_and_flags_exist():
    named = set(re.findall(r"`landscape ([a-z]+)", README)) | set(re.findall(r"^landscape ([a-z]+)", README, re.M))
    assert named == set(COMMANDS)
    shell = "\n".join(blocks("sh")).replace("\\\n", " ")
    for command, rest in re.findall(r"^landscape ([a-z]+)(.*)", shell, re.M):
        help_text = subprocess.run(
            [sys.executable, "-m", "landscape", command, "--help"], capture_output=True, text=True, check=True
        ).stdout
        for flag in re.findall(r"(--[a-z][a-z-]+)", rest):
            assert flag in help_text, (command, flag)


CHECKPOINT = """
import torch
from torch import nn
def make_model(): return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
def make_data():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 6, generator=generator), torch.randint(3, (60,), generator=generator)
    return (x[:40], y[:40]), (x[40:], y[40:])
"""


def test_checkpoints_of_ones_own(tmp_path):
    import torch
    from safetensors.torch import save_file

    namespace: dict = {}
    exec(CHECKPOINT, namespace)
    (tmp_path / "file.py").write_text(CHECKPOINT)
    torch.save(namespace["make_model"]().state_dict(), tmp_path / "sgd.pt")
    save_file(namespace["make_model"]().state_dict(), tmp_path / "adam.safetensors")
    (command,) = [each for each in blocks("sh") if "--checkpoint" in each and "analyze" in each]
    words = command.replace("\\\n", " ").split()
    subprocess.run(
        [sys.executable, "-m", *words, "--out", "out", "--surface-points", "5"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "out" / "report.html").exists()


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`?make ([a-z]+)", README)):
        assert f"\n{target}:" in makefile, target
