"""Sharpness along training against the edge of stability, one run of `landscape track` for each TOML file here.

    python experiments/edge_of_stability/run.py [NAME ...]

A 64-100-100-10 tanh network on the first 1,000 digits unless the file says otherwise. The edge is a prediction without
a free parameter. A run that was stopped goes on; its folder is runs/edge_of_stability/NAME. Writes for each run
figures/edge_of_stability/NAME.{pdf,png,json}, and then `summary.md` and an overview of all that are there. One run
takes one to three minutes on a free core.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RUNS = ROOT / "runs" / "edge_of_stability"
FIGURES = ROOT / "figures" / "edge_of_stability"
FLAGS = {f"batch-{size}": ("--every", "80", "--batches", "32") for size in (8, 32, 128, 512)}
HEADER = "| run | edge | reached by step | mean ratio after | largest ratio | loss at the end | measuring / training |"


def follow(name: str) -> None:
    """Run one TOML file, or go on with it, and copy its figure."""
    out = RUNS / name
    command = [sys.executable, "-m", "landscape", "track", str(HERE / f"{name}.toml"), "--device", "cpu"]
    subprocess.run(
        [*command, *FLAGS.get(name, ()), "--out", str(out)],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    FIGURES.mkdir(parents=True, exist_ok=True)
    for kind in ("pdf", "png", "json"):
        shutil.copy(out / "figures" / f"track.{kind}", FIGURES / f"{name}.{kind}")


def found() -> dict[str, dict]:
    """Return the numbers of every run that is there, by name."""
    names = sorted(path.stem for path in HERE.glob("*.toml") if (FIGURES / f"{path.stem}.json").is_file())
    return {name: json.loads((FIGURES / f"{name}.json").read_text())["numbers"] for name in names}


def summary(runs: dict[str, dict]) -> str:
    """Return one line a run as Markdown."""
    lines = [HEADER, "|---|---|---|---|---|---|---|"]
    for name, numbers in runs.items():
        crossing, edge = numbers["summary"]["crossing"], sharpness(numbers).get("edge of stability")
        low, high = (min(edge["value"]), max(edge["value"])) if edge else (None, None)
        shown = "none" if low is None else f"{low:.4g}" if high - low < 1e-6 * high else f"{low:.3g} to {high:.3g}"
        mean = "never" if crossing["step"] is None else f"{crossing['mean_ratio']:.3f}"
        loss = numbers["loss"]["loss"]["value"][-1]
        cells = (
            name,
            shown,
            "never" if crossing["step"] is None else crossing["step"],
            mean,
            f"{crossing['largest_ratio']:.3f}",
            f"{loss:.3g}",
        )
        share = numbers["summary"]["share_of_training_time"]
        lines.append(f"| {' | '.join(map(str, cells))} | {share:.2f} |")
    return "\n".join(lines) + "\n"


def sharpness(numbers: dict) -> dict:
    """Return the curves of the panel with the edge."""
    return numbers["sharpness"]


def overview(runs: dict[str, dict]) -> Figure:
    """Return one small panel a run: sharpness over its edge, and batch sharpness where steps take batches."""
    rows = -(-len(runs) // 4)
    figure = Figure(figsize=(7.2, 1.5 * rows + 0.3), layout="constrained")
    grid = figure.subplots(rows, 4, sharey=True, squeeze=False)
    for axes in grid.flat[len(runs) :]:
        axes.set_visible(False)
    for axes, (name, numbers) in zip(grid.flat, runs.items(), strict=False):
        curves = sharpness(numbers)
        edge = curves["edge of stability"]["value"]
        for label, color in (
            ("top eigenvalue", "#0072B2"),
            ("preconditioned top eigenvalue", "#0072B2"),
            ("batch sharpness", "#E69F00"),
        ):
            if label in curves:
                ratio = [None if v is None else v / e for v, e in zip(curves[label]["value"], edge, strict=True)]
                axes.plot(numbers["step"], [float("nan") if r is None else r for r in ratio], color=color, linewidth=1)
        axes.axhline(1, color="black", linestyle="--", linewidth=0.7)
        axes.set_title(name, fontsize=8)
        axes.tick_params(labelsize=6.5)
        axes.set_ylim(0, 1.6)
    figure.supxlabel("step (blue: the sharpness that the edge speaks of; orange: batch sharpness)", fontsize=8)
    figure.supylabel("over the edge", fontsize=8)
    return figure


def main() -> None:
    """Follow the runs that are named, or all; then draw what is there."""
    for name in sys.argv[1:] or sorted(path.stem for path in HERE.glob("*.toml")):
        print(name, flush=True)
        follow(name)
    runs = found()
    (FIGURES / "summary.md").write_text(summary(runs))
    with rc_context({"pdf.fonttype": 42}):
        figure = overview(runs)
        FigureCanvasAgg(figure)
        figure.savefig(FIGURES / "overview.pdf", metadata={"CreationDate": None})
        figure.savefig(FIGURES / "overview.png", dpi=200)


if __name__ == "__main__":
    main()
