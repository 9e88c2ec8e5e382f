"""Measure how fast a slice is computed, beside a plain loop and beside loss-landscapes, and how well.

    python experiments/benchmarks/surfaces.py                       # an hour of one core
    python experiments/benchmarks/surfaces.py --resnet-sample 0     # every point of ResNet-20's plane: a day

Both planes have 51x51 points. Those ways that compute every point are timed on a random sample of them for ResNet-20,
whose pass takes seconds. What has been measured is kept in ``.bench``, so that a killed benchmark goes on.
Writes ``surfaces.json`` beside this file and ``docs/surfaces.md``.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import environments
import numpy as np
import surface_problems
import torch
from environments import Contender, python_of
from problems import CACHE
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


@dataclass(frozen=True)
class Size:
    """How much of a problem is measured.

    Attributes:
        examples: Over which the loss is a mean.
        points: Of the grid, along each axis.
        sample: Points computed by those ways that would compute all; 0 for all.
        adaptive: Examples of the adaptive way.
    """

    examples: int
    points: int
    sample: int
    adaptive: int

    def of(self, way: str) -> tuple[int, int, int]:
        """Return examples, points and sample of one way."""
        return (self.adaptive, self.points, 0) if way == "adaptive" else (self.examples, self.points, self.sample)


def main() -> None:
    """Run every way on every problem, in rounds, and write results and page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits-points", type=int, default=51)
    parser.add_argument("--digits-examples", type=int, default=1300)
    parser.add_argument("--resnet-points", type=int, default=51)
    parser.add_argument("--resnet-examples", type=int, default=2048)
    parser.add_argument("--resnet-sample", type=int, default=9, help="points of the ways that compute every point")
    parser.add_argument("--adaptive-examples", type=int, help="of ResNet-20, for the adaptive way; all by default")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--problems", nargs="+", default=["digits-cnn", "resnet20"])
    parser.add_argument("--out", type=Path, default=HERE / "surfaces.json")
    parser.add_argument("--page", type=Path, default=HERE.parents[1] / "docs" / "surfaces.md")
    options = parser.parse_args()
    sizes = {
        "digits-cnn": Size(options.digits_examples, options.digits_points, 0, options.digits_examples),
        "resnet20": Size(
            options.resnet_examples,
            options.resnet_points,
            options.resnet_sample,
            options.adaptive_examples or options.resnet_examples,
        ),
    }
    results = {"machine": _machine(), "peer": PEER, "rounds": options.rounds, "problems": {}}
    for name in options.problems:
        surface_problems.prepare(name)
        results["problems"][name] = _problem(name, sizes[name], options.ways, options.rounds)
        options.out.write_text(json.dumps(results, indent=1) + "\n")
        options.page.write_text(render(results), encoding="utf-8")


def _problem(name: str, size: Size, ways: list[str], rounds: int) -> dict:
    """Return the rows of every way; errors are those of the losses relative to the plain loop's, on the same grid."""
    rows: dict[str, list[dict]] = {way: [] for way in ways}
    losses: dict[str, np.ndarray] = {}
    for number in range(rounds):
        for way in ways:
            if way == "adaptive" and size.sample and number:
                continue  # it takes as long as all the others
            row, losses[way] = _row(way, name, *size.of(way), number)
            rows[way].append(row)
            print(f"{name} round {number + 1} {way}: {row['seconds']:.1f} s", file=sys.stderr, flush=True)
    first = next(iter(rows.values()))[0]
    truth = losses.get("loop")
    comparable = ("exact", "adaptive") if size.adaptive == size.examples else ("exact",)
    errors = {way: _error(losses[way], truth) for way in comparable if way in losses and truth is not None}
    return {"title": first["title"], **asdict(size), "ways": rows, "errors": errors}


def _row(way: str, name: str, examples: int, points: int, sample: int, number: int) -> tuple[dict, np.ndarray]:
    """Return what one way measured, and its losses; from the file of an earlier run of the same code where there is."""
    words = [way, name, str(examples), str(points), str(sample)]
    kept = CACHE / "surfaces" / f"{'-'.join(words)}-{number}-{_code()}.json"
    out = kept.with_suffix(".npy")
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        command = [python_of(WAYS[way]), HERE / "surface_contender.py", *words, out]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
        kept.write_text(done.stdout.splitlines()[-1])
    return json.loads(kept.read_text()), np.load(out)


def _code() -> str:
    """Return a name of the code that is measured."""
    files = [*sorted((HERE.parents[1] / "landscape" / "surfaces").glob("*.py")), HERE / "surface_contender.py"]
    return hashlib.blake2b(b"".join(each.read_bytes() for each in files), digest_size=4).hexdigest()


def _error(losses: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return errors where the truth was computed, and those of logarithms relative to their range over the slice."""
    there = np.isfinite(truth)
    heights = np.log(losses[np.isfinite(losses)])
    off = np.abs(np.log(losses[there] / truth[there])) / np.ptp(heights)
    return {
        "points": int(there.sum()),
        "largest_of_range": float(off.max()),
        "median_of_range": float(np.median(off)),
        "largest_relative": float(np.abs(losses[there] / truth[there] - 1).max()),
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
