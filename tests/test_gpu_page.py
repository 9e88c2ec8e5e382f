"""The page on GPUs is made from what was measured; the script says what it lacks; its emulation rounds right."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[1]
GPU = REPOSITORY / "experiments" / "gpu"


@pytest.fixture
def script(monkeypatch):
    """Let the script's files be imported, as they are when it runs."""
    monkeypatch.syspath_prepend(str(GPU))


def test_the_page_is_made_from_the_results(script):
    from gpu_page import render

    path = GPU / "results.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    text = (REPOSITORY / "docs" / "gpu.md").read_text(encoding="utf-8")
    assert text == render(results)
    assert not any("trial" in name for name in results)
    # nothing is said of a GPU before there is a number of one
    measured = any(each["machine"]["memory"] for each in results.values())
    assert ("No figure of a GPU has been measured yet" in text) == (not measured)


def test_a_page_says_what_bounds_a_product_and_what_failed(script):
    from gpu_page import render

    row = {"median": 0.5, "least": 0.4, "most": 0.6, "operations": 10**12}
    bounds = [{"kind": "convolutions", "share": 0.7, "seconds": 0.35, "calls": 40, "slowest": "wgrad"}]
    parts = {
        "rates": {"size": 8192, "float32": 4e12, "tf32": 2e13, "bfloat16": 4e13, "bytes": 3e12, "seconds": 1},
        "resnet18-32": {
            "batch": 1024, "side": 32, "parameters": 11, "gradient": row, "gauss_newton": row,
            "hessian": {**row, "held": 1, "bounds": bounds},
        },
        "waits": {"error": "RuntimeError: no"},
    }  # fmt: skip
    machine = {"device": "A", "cuda": "12", "cudnn": 9, "memory": 2**36, "multiprocessors": 9, "torch": "2"}
    text = render({"A, PyTorch 2": {"machine": machine, "parts": parts}})
    assert "| hessian | 500 (400 to 600) | 1,000 | 2 | 50% | held |" in text
    assert "70% of it are convolutions" in text
    assert "Not measured: RuntimeError: no" in text
    assert "No figure of a GPU" not in text


def test_rounded_factors(script):
    from precision import RoundedFactors, rounded

    x = torch.tensor([1 + 2.0**-10, 1 + 2.0**-11, 1 + 2.0**-12, -1 - 2.0**-11, 0.0, 3.0])
    assert rounded(x, 10).tolist() == [1 + 2.0**-10, 1 + 2.0**-10, 1.0, -1 - 2.0**-10, 0.0, 3.0]
    A, B = torch.randn(5, 7), torch.randn(7, 3)
    with RoundedFactors(7):
        found = A @ B
    assert torch.equal(found, rounded(A, 7) @ rounded(B, 7))
    assert not torch.equal(found, A @ B)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("command", [[GPU / "run.py"], ["-m", "pytest", "--device", "cuda", "tests/test_gpu_page.py"]])
def test_a_device_that_is_not_there_is_one_sentence(command, tmp_path):
    where = ["--out", tmp_path] if "-m" not in command else []
    done = subprocess.run([sys.executable, *command, *where], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode in (1, 4)
    assert "Device 'cuda' is not here: torch sees 0 CUDA devices." in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_trial_goes_through_and_on_where_it_stopped(tmp_path):
    command = [sys.executable, GPU / "run.py", "--smoke", "--device", "cpu", "--out", tmp_path, "--only", "rates"]
    first = subprocess.run([*command, "small-products"], check=True, capture_output=True, text=True)
    assert "small-products: {" in first.stdout
    (entry,) = json.loads((tmp_path / "results.json").read_text(encoding="utf-8")).values()
    assert set(entry["parts"]) == {"rates", "small-products"}
    assert not any("error" in each for each in entry["parts"].values())
    assert entry["parts"]["small-products"]["cnn"]["ways"]["plain"]["apart"] == 0
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "rates: {" not in again.stdout
    assert "### small-products" in (tmp_path / "gpu.md").read_text(encoding="utf-8")
