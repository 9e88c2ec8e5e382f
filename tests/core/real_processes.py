"""Programs run as several processes of one job."""

import os
import subprocess
import sys
from pathlib import Path

import torch


def run_processes(program, count, folder):
    """Run ``program RANK COUNT FOLDER`` in so many processes; return what each wrote to ``FOLDER/RANK.pt``."""
    started = [
        subprocess.Popen(
            [sys.executable, program, str(rank), str(count), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        for rank in range(count)
    ]
    try:
        said = [each.communicate(timeout=600)[0] for each in started]
    finally:
        for each in started:
            each.kill()
    assert all(each.returncode == 0 for each in started), "\n".join(said)
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(count)]
