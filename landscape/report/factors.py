"""What differs between the runs of a study beside their optimizer, and a colour for each level of it."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from landscape.report.folder import Report
from landscape.statistics.columns import by_size

LEARNING_RATE = "lr"


def factors(report: Report) -> dict[str, list[Any]]:
    """Return the levels, ascending, of each factor that has several; those of the learning rate are ranks."""
    names = dict.fromkeys([LEARNING_RATE, *(name for run in report["runs"] for name in run.get("factors") or {})])
    found = {name: sorted({level(run, name) for run in report["runs"]}, key=by_size) for name in names}
    return {name: levels for name, levels in found.items() if len(levels) > 1}


def level(run: Report, name: str) -> Any:
    """Return what a run has of a factor; of the learning rate its rank among the optimizer's own."""
    return (run.get("lr_rank") or 0) if name == LEARNING_RATE else (run.get("factors") or {}).get(name)


def factor_words(name: str) -> str:
    """Return what a factor is called."""
    return "learning rate" if name == LEARNING_RATE else name.replace("_", " ")


def level_words(name: str, value: Any) -> str:
    """Return what a level is called beside the name of its factor."""
    if name == LEARNING_RATE:
        return f"no. {value + 1}"
    return "default" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def level_colors(count: int) -> list[str]:
    """Return colours from dark to light, in order also without colour and for every kind of colour blindness."""
    return [to_hex(each) for each in colormaps["viridis"](np.linspace(0, 0.88, count))]
