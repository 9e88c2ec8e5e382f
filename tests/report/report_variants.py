"""The run folders that the report is tested on, by name; each is written into an empty folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import synthetic_folder as make
from synthetic_folder import MEASURES, make_report, write_folder

SMALL: dict[str, Any] = {"lrs": 2, "seeds": 2, "epochs": 6, "measures": [MEASURES[0], MEASURES[2]]}


def _checkpoints() -> dict[str, Any]:
    """Minima that were not trained here: no history, no learning rate, no speed, no cost."""
    report = make_report(lrs=1, seeds=1, measures=SMALL["measures"], stops=("end",))
    for run in report["runs"]:
        run |= {"lr": None, "reached": False, "history": {}, "factors": {}, "cost": None}
        run["speed"] = {"target_loss": None, "target_accuracy": None}
    report["trade_offs"] = []
    report["relations"]["end"] = {"ratios": [], "correlations": []}
    return report


def _several_models() -> dict[str, Any]:
    """Two models, which nothing but ``factors`` tells apart."""
    report = make_report(**SMALL)
    for index, run in enumerate(report["runs"]):
        run["factors"]["model"] = ("mlp", "cnn")[index % 2]
    return report


def _broken_slice(folder: Path) -> Path:
    write_folder(folder, _checkpoints(), points=7, stop="end")
    (folder / "runs/run0/surfaces/plane.npz").write_text("not an archive")
    (folder / "runs/run1/surfaces/plane.npz").unlink()
    return folder


def _infinite_slice(folder: Path) -> Path:
    write_folder(folder, _checkpoints(), points=7, stop="end")
    arrays = make.plane(7, 1.0, 0)
    for kind in ("train_loss", "test_loss"):
        arrays[kind][:] = float("inf")
    for index in range(2):
        make.write_arrays(folder / f"runs/run{index}/surfaces/plane.npz", arrays)
    return folder


VARIANTS: dict[str, Callable[[Path], Path]] = {
    "demo": lambda folder: write_folder(folder, make.diverged(make_report())),
    "one_optimizer": lambda folder: write_folder(folder, make_report(("adam",), **SMALL), points=7),
    "searched": lambda folder: write_folder(folder, make.searched(make_report(**SMALL)), points=7),
    "four_optimizers": lambda folder: write_folder(
        folder,
        make_report(("sgd", "adam", "rmsprop", "adamw"), **SMALL, stops=("matched",)),
        surfaces=4,
        points=7,
    ),
    "one_lr_one_seed": lambda folder: write_folder(
        folder, make_report(**{**SMALL, "lrs": 1, "seeds": 1}, stops=("matched",)), surfaces=1, points=7
    ),
    "nothing_reached": lambda folder: write_folder(
        folder, make.nothing_reached(make_report(**SMALL)), surfaces=0, stop="end"
    ),
    "regression": lambda folder: write_folder(folder, make.regression(make_report(**SMALL)), surfaces=0),
    "gaps": lambda folder: write_folder(
        folder, make.gaps_in_the_numbers(make_report(lrs=2, seeds=4, epochs=6, stops=("matched",))), surfaces=0
    ),
    "many_measures": lambda folder: write_folder(
        folder, make_report(**{**SMALL, "measures": make.many_measures(8)}, stops=("end",)), surfaces=0
    ),
    "all_diverged": lambda folder: write_folder(
        folder,
        make.diverged(make.diverged(make_report(**{**SMALL, "lrs": 1, "seeds": 1}), 0), 1, 0),
        surfaces=0,
    ),
    "checkpoints": lambda folder: write_folder(folder, _checkpoints(), surfaces=0),
    "several_models": lambda folder: write_folder(folder, _several_models(), surfaces=0),
    "broken_slice": _broken_slice,
    "infinite_slice": _infinite_slice,
    "hostile": lambda folder: write_folder(
        folder, make.hostile(make.diverged(make_report(**SMALL), 1)), surfaces=1, points=7
    ),
}
