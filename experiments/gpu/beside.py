"""What other programs of this repository do on the device: its tests, and the study of how cost grows."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from place import Place

REPOSITORY = Path(__file__).resolve().parents[2]
SCALING = REPOSITORY / "experiments" / "scaling" / "run.py"
TRIED = "tests/core/test_hessian.py::test_softmax_regression"


def suite(place: Place) -> dict[str, Any]:
    """Return what pytest says of the tests that run on the device, in up to twelve processes; a trial runs one test."""
    chosen = ["-n0", TRIED] if place.smoke else [f"-n{min(12, os.cpu_count() or 1)}"]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "device", "--device", str(place.device), "--tb=line"]
    # a plugin that warns beside xdist, and warnings are errors here
    command += ["-p", "no:benchmark"]
    done = subprocess.run([*command, *chosen], cwd=REPOSITORY, capture_output=True, text=True, timeout=240)
    if done.returncode not in (0, 1):  # neither passed nor failed: nothing was tested
        raise RuntimeError(f"pytest ended with {done.returncode}: {(done.stderr + done.stdout).strip()[-300:]}")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|error)", lines[-1])}
    failed = [line.partition(" - ")[0] for line in lines if line.startswith("FAILED")]
    return {"exit": done.returncode, **counts, "failures": failed, "summary": lines[-1]}


def scaling(place: Place) -> dict[str, Any]:
    """Return the rows of the 124M-parameter GPT-2-shaped model and of ResNet-50, where that study is there."""
    if not SCALING.exists():
        return {"skipped": "experiments/scaling is not there"}
    folder = place.out / "scaling"
    command = [sys.executable, SCALING, "--device", place.device.type, "--rounds", "1", "--series", "models"]
    command += ["--out", folder, *["--tiny"] * place.smoke]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"the study ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    record = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {"rows": next(iter(record.values()))["rows"]}
