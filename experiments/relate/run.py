"""How often the intervals of `landscape relate` hold the truth, and what ten thousand runs cost it.

python experiments/relate/run.py coverage            three minutes on one core; writes figures/relate/coverage.json
python experiments/relate/run.py size                a minute; writes size.json; data in a temporary folder
python experiments/relate/run.py table               writes table.md from what is there of the two
"""

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import synthetic

from landscape.statistics.columns import columns_of
from landscape.statistics.granulated import along_axes, granulated
from landscape.statistics.information import conditional_information, run_pairs
from landscape.statistics.paired_ratio import paired_ratio
from landscape.statistics.partial_correlation import partial_correlation
from landscape.statistics.rank_correlation import kendall, spearman
from landscape.statistics.settings_grid import settings_grid

FOLDER = Path(__file__).resolve().parents[2] / "figures" / "relate"
SEEDS = (3, 5, 10, 20)
RANKS = 3
RHO = 0.6
BOOTSTRAP = {"confidence": 0.95, "resamples": 1000, "seed": 0}
Study = dict[str, tuple[float | None, float | None]]


def study(rng: np.random.Generator, seeds: int) -> Study:
    """Return the interval of each statistic for one study of two optimizers, three learning rates and some seeds.

    Measure and gap are a bivariate normal pair with correlation 0.6, half of the variance the seed's; the second
    optimizer multiplies the measure by e^0.4.
    """
    x, y = _correlated(rng, seeds)
    label = np.repeat(np.arange(seeds), 2 * RANKS).tolist()
    found = {
        "tau": kendall(x.ravel(), y.ravel(), label, **BOOTSTRAP),
        "rho": spearman(x.ravel(), y.ravel(), label, **BOOTSTRAP),
        "ratio": paired_ratio(
            np.exp(x[:, 1] + 0.4).ravel().tolist(), np.exp(x[:, 0]).ravel().tolist(),
            np.repeat(np.arange(seeds), RANKS).tolist(), **BOOTSTRAP,
        ),
    }  # fmt: skip
    intervals: Study = {name: (each.low, each.high) for name, each in found.items()}
    runs = _runs(x, y)
    columns = columns_of(runs, "matched", ["trace"], ["sgd", "adam"])
    values = columns.measures["trace"], columns.gaps["gap_loss"]
    psi = granulated(along_axes(settings_grid(columns), *values), **BOOTSTRAP)
    intervals |= {f"psi {axis}": (psi[axis]["low"], psi[axis]["high"]) for axis in ("lr", "mean")}
    partial = partial_correlation(*values, [columns.axes["lr"].astype(float)], columns.seed, confidence=0.95)
    intervals["partial"] = (partial["low"], partial["high"])
    pairs = run_pairs(columns, 0)
    least = conditional_information(columns, pairs, *values, confidence=0.95)[-1]
    intervals["K"] = (least["low"], least["high"])
    return intervals


def _correlated(rng: np.random.Generator, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """A bivariate normal pair, half of the variance of each shared by the runs of a seed."""
    a, b = rng.normal(size=(2, seeds, 1, 1)), rng.normal(size=(2, seeds, 2, RANKS))
    first, second = ((u + v) / math.sqrt(2) for u, v in zip(a, b, strict=True))
    return first, RHO * first + math.sqrt(1 - RHO**2) * second


def _runs(x: np.ndarray, y: np.ndarray) -> list[dict[str, object]]:
    return [
        {
            "id": f"{seed}-{optimizer}-{rank}",
            "optimizer": ("sgd", "adam")[optimizer],
            "lr_rank": rank,
            "seed": seed,
            "factors": {},
            "minima": {"matched": {
                "mismatch": 0.0, "train_loss": 0.05, "gap_loss": float(y[place]),
                "measurements": {"trace": {"value": float(x[place]), "converged": True}},
            }},
        }
        for place in np.ndindex(x.shape)
        for seed, optimizer, rank in [place]
    ]  # fmt: skip


def truths() -> dict[str, float]:
    """Return what the intervals should hold: closed forms, all given a seed or not."""
    share = 0.5 + math.asin(RHO) / math.pi
    tau = 2 / math.pi * math.asin(RHO)
    return {
        "tau": tau,
        "rho": 6 / math.pi * math.asin(RHO / 2),
        "ratio": math.exp(0.4),
        "psi lr": tau,
        "psi mean": tau,
        "partial": 6 / math.pi * math.asin(RHO / 2),
        "K": 1 + share * math.log2(share) + (1 - share) * math.log2(1 - share),
    }


def coverage(studies: int = 1000) -> dict[str, object]:
    """Return, by statistic and number of seeds, the share of intervals that hold the truth, and of those there are."""
    known = truths()
    result: dict[str, object] = {"studies": studies, "truth": known, "runs a seed": 2 * RANKS}
    for seeds in SEEDS:
        rng = np.random.default_rng(seeds)
        found = [study(rng, seeds) for _ in range(studies)]
        row = {}
        for name, truth in known.items():
            there = [each[name] for each in found if each[name][0] is not None]
            row[name] = {
                "held": round(float(np.mean([low <= truth <= high for low, high in there])), 4),
                "intervals": len(there),
            }
        result[f"{seeds} seeds"] = row
        print(seeds, row, flush=True)
    return result


NAMES = {
    "ratio": "paired ratio",
    "tau": "Kendall's tau-b",
    "rho": "Spearman's rho",
    "psi lr": "granulated tau along the learning rate",
    "psi mean": "granulated tau, mean over axes",
    "partial": "partial rank correlation",
    "K": "conditional mutual information",
}


def table() -> dict[str, object]:
    """Write the two results as a page, and return where it is."""
    covered = json.loads((FOLDER / "coverage.json").read_text())
    studies = covered["studies"]
    error = 100 * math.sqrt(0.95 * 0.05 / studies)
    seeds = [f"{each} seeds" for each in SEEDS]
    lines = [
        f"# `landscape relate` on made-up studies with a known truth\n\nHow often a 95 % interval holds the truth, in "
        f"{studies} studies of two optimizers, three learning rates and so many seeds; half of the variance is the "
        f"seed's. The standard error of such a share is {error:.1f} points.\n",
        f"| statistic | {' | '.join(seeds)} |",
        "|---|" + "---:|" * len(seeds),
        *(f"| {name} | {' | '.join(_share(covered[each][key]) for each in seeds)} |" for key, name in NAMES.items()),
    ]
    if (FOLDER / "size.json").exists():
        cost = json.loads((FOLDER / "size.json").read_text())
        lines.append(
            f"\n{cost['runs']:,} runs with {cost['measures']} measures at two stops: {cost['cpu_seconds']} seconds of "
            f"one processor, {cost['most_memory_megabytes']} MB at most."
        )
    (FOLDER / "table.md").write_text("\n".join(lines) + "\n")
    return {"table": "figures/relate/table.md"}


def _share(row: dict[str, float]) -> str:
    return f"{100 * row['held']:.1f} %"


def size() -> dict[str, object]:
    """Return what `landscape relate` costs for ten thousand runs, as a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "study"
        runs = synthetic.write_study(root, synthetic.LARGE)
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "landscape", "relate", str(root)], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "runs": runs,
            "measures": len(synthetic.MEASURES),
            "wall_seconds": round(time.perf_counter() - start, 1),
            "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
            "most_memory_megabytes": round(after.ru_maxrss / 1024),
        }


def main() -> None:
    """Run what is named on the command line."""
    parts: dict[str, Callable[[], dict[str, object]]] = {"coverage": coverage, "size": size, "table": table}
    for name in sys.argv[1:] or parts:
        result = parts[name]()
        if name != "table":
            (FOLDER / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
