"""Measure how fast a slice is computed, beside a plain loop and beside loss-landscapes, and how well.

    python experiments/benchmarks/surfaces.py                 # CNN on digits: 51x51; ResNet-20: 11x11 of 128 images
    python experiments/benchmarks/surfaces.py --resnet-points 51 --resnet-examples 512     # hours

Writes ``surfaces.json`` beside this file and ``docs/surfaces.md``.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import environments
import numpy as np
import surface_problems
import torch
from environments import Contender, python_of
from surface_page import render

HERE = Path(__file__).resolve().parent
PEER = "loss-landscapes==3.0.6"
environments.CONTENDERS["loss_landscapes"] = Contender("loss-landscapes", PEER)
WAYS = {
    "exact": "landscape",
    "adaptive": "landscape",
    "loop": "landscape",
    "loss-landscapes": "loss_landscapes",
    "loss-landscapes-batched": "loss_landscapes",
}


def main() -> None:
    """Run every way on every problem, in rounds, and write results and page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits-points", type=int, default=51)
    parser.add_argument("--digits-examples", type=int, default=1300)
    parser.add_argument("--resnet-points", type=int, default=11)
    parser.add_argument("--resnet-examples", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--problems", nargs="+", default=["digits-cnn", "resnet20"])
    parser.add_argument("--out", type=Path, default=HERE / "surfaces.json")
    parser.add_argument("--page", type=Path, default=HERE.parents[1] / "docs" / "surfaces.md")
    options = parser.parse_args()
    sizes = {
        "digits-cnn": (options.digits_examples, options.digits_points),
        "resnet20": (options.resnet_examples, options.resnet_points),
    }
    results = {"machine": _machine(), "peer": PEER, "rounds": options.rounds, "problems": {}}
    for name in options.problems:
        surface_problems.prepare(name)
        results["problems"][name] = _problem(name, *sizes[name], options.ways, options.rounds)
        options.out.write_text(json.dumps(results, indent=1) + "\n")
        options.page.write_text(render(results), encoding="utf-8")


def _problem(name: str, examples: int, points: int, ways: list[str], rounds: int) -> dict:
    """Return the rows of every way; errors are those of the losses relative to the plain loop's, on the same grid."""
    rows: dict[str, list[dict]] = {way: [] for way in ways}
    losses: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for way in ways:
                out = Path(folder) / f"{way}.npy"
                command = [
                    python_of(WAYS[way]),
                    HERE / "surface_contender.py",
                    way,
                    name,
                    str(examples),
                    str(points),
                    out,
                ]
                environment = {**os.environ, "OMP_NUM_THREADS": "1"}
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
                row = json.loads(done.stdout.splitlines()[-1])
                rows[way].append(row)
                losses[way] = np.load(out)
                print(f"{name} round {number + 1} {way}: {row['seconds']:.1f} s", file=sys.stderr, flush=True)
    first = next(iter(rows.values()))[0]
    truth = losses.get("loop")
    errors = {way: _error(losses[way], truth) for way in ("exact", "adaptive") if way in losses and truth is not None}
    return {"title": first["title"], "examples": examples, "points": points, "ways": rows, "errors": errors}


def _error(losses: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    heights, true = np.log(losses), np.log(truth)
    off = np.abs(heights - true) / np.ptp(true)
    relative = np.abs(losses / truth - 1)
    return {
        "largest_of_range": float(off.max()),
        "median_of_range": float(np.median(off)),
        "largest_relative": float(relative.max()),
    }


def _machine() -> dict:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


if __name__ == "__main__":
    main()
