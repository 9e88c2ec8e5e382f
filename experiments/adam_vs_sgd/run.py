"""Does sharpness explain the gap, and are Adam's minima sharper? Six optimizers on two networks, five seeds.

python experiments/adam_vs_sgd/run.py digits     the ready study `laptop`, on handwritten digits
python experiments/adam_vs_sgd/run.py fashion    the same on 10,000 images of Fashion-MNIST (fashion.toml)
python experiments/adam_vs_sgd/run.py cifar      the ready study `paper`, on CIFAR-10 with ResNet-20: for a GPU
python experiments/adam_vs_sgd/run.py plain      the same without BatchNorm

Each goes on where it was stopped, and ends by keeping report.json, tables and figures in figures/adam_vs_sgd/.
``--smoke`` runs any of them whole, with little of everything, into a folder that is not kept.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from landscape.report import write_report
from landscape.study.config import StudyConfig, read_toml, resolve
from landscape.study.ready_studies import ready_study
from landscape.study.run import run_study

HERE = Path(__file__).resolve().parent
FIGURES = HERE.parents[1] / "figures" / "adam_vs_sgd"
KEPT = ("report.json", "table.md", "table.tex", "methods.md", "environment.json", "study.toml")
SMOKE = {
    "train_examples": 200,
    "examples": 100,
    "seeds": 2,
    "epochs": 2,
    "surface_points": 3,
    "target_loss": [2.0],
    "lr_factor": [1],
    "measures": ["top_eigenvalue", "weight_norm"],
    "device": "auto",
}


def study(name: str, smoke: bool) -> StudyConfig:
    """Return the configuration of one of the studies."""
    path = {"digits": ready_study("laptop"), "fashion": HERE / "fashion.toml"}.get(name) or ready_study("paper")
    keys = read_toml(path)
    if name == "plain":
        keys["model_option"] = {**keys.get("model_option", {}), "norm": "none"}
    if smoke:
        keys |= SMOKE | ({"tune": 2} if "tune" in keys else {"lr": {each: v[:1] for each, v in keys["lr"].items()}})
        keys.pop("at_epoch", None)
    return resolve((str(path), keys))


def main() -> None:
    """Run a study, then keep what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=["digits", "fashion", "cifar", "plain"])
    parser.add_argument("--out", type=Path, help="run folder; runs/adam_vs_sgd/STUDY by default")
    parser.add_argument("--jobs", type=int, help="processes at once; one a core by default")
    parser.add_argument("--smoke", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) if asked.smoke else asked.out or Path("runs/adam_vs_sgd") / asked.study
        told = run_study(
            study(asked.study, asked.smoke), out, jobs=asked.jobs, on_progress=lambda done, total, _: print(done, total)
        )
        write_report(out)
        if not asked.smoke:
            keep(out, FIGURES / asked.study)
    print(*told["verdict"]["sentences"], sep="\n\n")


def keep(out: Path, kept: Path) -> None:
    """Copy what a study found beside the other published figures."""
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(out / "figures", kept)
    for name in KEPT:
        lines = (out / name).read_text(encoding="utf-8").splitlines(keepends=True)
        # where the data lay is of no interest elsewhere
        (kept / name).write_text("".join(line for line in lines if "data_dir" not in line), encoding="utf-8")


if __name__ == "__main__":
    main()
