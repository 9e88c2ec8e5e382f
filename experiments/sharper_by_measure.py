"""Adam against SGD on digits by several measures: the answer changes sign with the measure.

python experiments/sharper_by_measure.py [--out DIR]     (some minutes on two cores)
"""

import argparse
import json
import shutil
from pathlib import Path

from landscape.report import write_report
from landscape.report.numbers import estimate
from landscape.study.config import resolve
from landscape.study.run import run_study

FIGURES = Path(__file__).resolve().parent.parent / "figures" / "sharper_by_measure"
MEASURES = (
    "top_eigenvalue",
    "trace",
    "adaptive_trace",
    "adaptive_top_eigenvalue",
    "fisher_rao",
    "relative_flatness",
    "orbit_minimum_trace",
    "orbit_excess",
    "weight_norm",
    "distance_from_initialization",
    "learning_rate",
)


def main() -> None:
    """Run the study, then keep the ratios and their figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/sharper_by_measure"))
    out = parser.parse_args().out
    keys = {"dataset": "digits", "seeds": 5, "surface_points": 0, "measures": list(MEASURES)}
    report = run_study(
        resolve(("experiments/sharper_by_measure.py", keys)),
        out,
        on_progress=lambda done, total, _: print(f"{done}/{total}"),
    )
    write_report(out)
    rows = [each for each in report["relations"]["matched"]["ratios"] if each["pairing"] == "all"]
    shutil.rmtree(FIGURES, ignore_errors=True)
    FIGURES.mkdir(parents=True)
    for path in (out / "figures").glob("sharpness_ratios.*"):
        shutil.copy(path, FIGURES / path.name)
    (FIGURES / "ratios.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    (FIGURES / "table.md").write_text(_table(rows), encoding="utf-8")
    print(*report["verdict"]["sentences"], sep="\n\n")


def _table(rows: list[dict]) -> str:
    lines = [
        "Adam's minima over SGD's on digits at matched training loss: geometric mean of the ratio over pairs of runs "
        "from the same initial weights, 95 % interval over seeds, and the share of pairs in which Adam's is larger.",
        "",
        "| measure | ratio (95 % interval) | larger | pairs |",
        "| :--- | ---: | ---: | ---: |",
    ]
    for row in rows:
        ratio = estimate(row["ratio"], row["low"], row["high"])
        larger = f"{100 * row['probability_larger']:.0f} %"
        lines.append(f"| {row['measure']} | {ratio} | {larger} | {row['pairs']} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
