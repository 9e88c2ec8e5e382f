"""The benchmark's driver on a shrunken problem, and its page."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
BENCHMARKS = REPOSITORY / "experiments" / "benchmarks"
RESULTS = BENCHMARKS / "results.json"


@pytest.fixture
def benchmarks(monkeypatch):
    """Let the benchmark's files be imported, as they are when its driver runs."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_quick_run_gives_right_numbers_and_a_page(tmp_path):
    page = tmp_path / "page.md"
    command = [sys.executable, BENCHMARKS / "run.py", "--quick", "--only", "landscape", "--problems", "small-cnn"]
    command += ["--tasks", "product", "top5", "--run", "test", "--cache", tmp_path, "--out", tmp_path, "--page", page]
    subprocess.run(command, check=True, capture_output=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"})
    tables = json.loads((tmp_path / "results.json").read_text())["problems"]["small-cnn"]["tables"]["1"]
    row, checked = tables["top5"]
    assert checked["label"] == "rtol=1e-3, verify=True"
    assert row["reached"] == row["rounds"] == 1
    assert row["bound_holds"]
    assert row["relative_error"][0] < 1e-3
    # up to 2,000 parameters the complement is searched too
    assert 5 <= row["products"][0] <= 60
    assert tables["product"][0]["ratio"] == [1, 1, 1]
    text = page.read_text()
    assert "| landscape | rtol=1e-3 |" in text
    assert "**One Hessian-vector product**" in text


def test_a_wrong_eigenvalue_is_noticed(benchmarks):
    from judge import judge

    reference = {"eigenvalues": [2.0, 1.0], "bounds": [0.0, 0.0]}
    right = judge("top1", {"values": [2.001], "bounds": [0.01]}, reference)
    assert right["reached"]
    assert right["bound_holds"]
    wrong = judge("top1", {"values": [2.01], "bounds": [0.001]}, reference)
    assert not wrong["reached"]
    assert not wrong["bound_holds"]


def test_reference_is_the_dense_hessian(benchmarks, tmp_path, monkeypatch):
    import numpy as np
    import problems
    import reference
    import torch

    monkeypatch.setattr(problems, "CACHE", tmp_path)
    threads = torch.get_num_threads()
    known = reference.reference_of("small-cnn", [0])
    H = reference.product_of(problems.load("small-cnn"), torch.float64)
    dense = torch.stack([H(row) for row in torch.eye(known["parameters"], dtype=torch.float64)])
    torch.set_num_threads(threads)
    values = np.linalg.eigvalsh(dense.numpy())[::-1]
    np.testing.assert_allclose(known["eigenvalues"][:5], values[:5], rtol=1e-8)
    assert known["trace"] == pytest.approx(float(dense.trace()), rel=1e-5)


@pytest.mark.skipif(not RESULTS.exists(), reason="the benchmark has not been run")
def test_the_page_is_made_from_the_results(benchmarks):
    from page import render

    page = REPOSITORY / "docs" / "benchmarks.md"
    assert page.read_text(encoding="utf-8") == render(json.loads(RESULTS.read_text(encoding="utf-8")))
