"""The run folders that the report is tested on, by name; each is written into an empty folder."""

from collections.abc import Callable
from pathlib import Path

import synthetic_folder as make
from synthetic_folder import make_report, write_folder

SMALL = {"lrs": 2, "seeds": 2, "epochs": 6}


def _checkpoints() -> dict:
    """Minima that were not trained here: no history, no learning rate, no speed, no cost."""
    report = make_report(lrs=1, seeds=1, stops=("end",))
    for run in report["runs"]:
        run |= {"lr": None, "reached": False, "history": {}, "factors": {}}
        run["speed"] = {"target_loss": None, "target_accuracy": None}
        run["cost"] = dict.fromkeys(run["cost"])
    report["trade_offs"] = []
    report["relations"]["end"] = {"ratios": [], "correlations": []}
    return report


VARIANTS: dict[str, Callable[[Path], Path]] = {
    "demo": lambda folder: write_folder(folder, make.diverged(make_report())),
    "one_optimizer": lambda folder: write_folder(folder, make_report(("adam",), **SMALL)),
    "four_optimizers": lambda folder: write_folder(
        folder, make_report(("sgd", "adam", "rmsprop", "adamw"), **SMALL), surfaces=4, points=11
    ),
    "one_lr_one_seed": lambda folder: write_folder(folder, make_report(lrs=1, seeds=1, epochs=6), points=11),
    "nothing_reached": lambda folder: write_folder(
        folder, make.nothing_reached(make_report(**SMALL)), points=11, stop="end"
    ),
    "regression": lambda folder: write_folder(folder, make.regression(make_report(**SMALL)), points=11),
    "gaps": lambda folder: write_folder(
        folder, make.gaps_in_the_numbers(make_report(lrs=2, seeds=4, epochs=6)), surfaces=0
    ),
    "many_measures": lambda folder: write_folder(
        folder, make_report(**SMALL, measures=make.many_measures()), surfaces=0
    ),
    "all_diverged": lambda folder: write_folder(
        folder, make.diverged(make.diverged(make_report(lrs=1, seeds=1, epochs=6), 0), 1, 0), surfaces=0
    ),
    "checkpoints": lambda folder: write_folder(folder, _checkpoints(), points=11, stop="end"),
    "hostile": lambda folder: write_folder(folder, make.hostile(make.diverged(make_report(**SMALL), 1)), points=11),
}
