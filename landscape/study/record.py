"""What the files of a run folder look like: they may be damaged, of another version, or a stranger's."""

import re
from typing import Any

from landscape.shapes import (
    LARGEST,
    Misshapen,
    Shape,
    anything,
    number,
    one_of,
    option,
    optional,
    record,
    several,
    table,
    text,
    truth,
    whole,
)
from landscape.stops import parse_stop

HISTORY_COLUMNS = (
    "epoch",
    "step",
    "seconds",
    "train_loss",
    "test_loss",
    "train_accuracy",
    "test_accuracy",
    "gradient_norm",
    "learning_rate",
)
SCORES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")

_FILE = re.compile(r"([\w.+-]+/)?[\w.+-]+")
_NUMBERS = (int, float, type(None))
_maybe: Shape = optional(number)


def stop(value: Any) -> None:
    """Take the name of a point of a training, which names files too."""
    try:
        known = parse_stop(value) == value
    except ValueError:
        known = False
    if not known:
        raise Misshapen("the name of a point of a training")


def own_file(value: Any) -> None:
    """Take the name of a file of a run, which lies in the run's folder or in a folder of that."""
    if not _FILE.fullmatch(value) or {".", ".."} & set(value.split("/")):
        raise Misshapen("a file of the run")


def history_row(value: Any) -> None:
    """Take an evaluation of a training; in few steps, as there are a hundred thousand of them."""
    for name in HISTORY_COLUMNS:
        if type(value.get(name, "")) not in _NUMBERS:
            raise Misshapen("a number", (name,))


MEASUREMENT = record(
    {"value": _maybe, "error": _maybe, "error_kind": optional(text)},
    {
        "converged": truth,
        "reason": text,
        "caveat": text,
        "residual": _maybe,
        "matvecs": _maybe,
        "examples": _maybe,
        "dtype": text,
        "seed": _maybe,
        "seconds": _maybe,
    },
)
MEASURED = record({"stop": stop, "measure": text})
MOVED = record(
    {
        "stop": stop,
        "point": text,
        "reason": text,
        "measurements": table(MEASUREMENT),
        "changes": optional(record({}, dict.fromkeys(SCORES, _maybe))),
        "log_scale": _maybe,
    }
)
MINIMUM = record(
    dict.fromkeys(SCORES, _maybe),
    {"epoch": number, "step": whole, "mismatch": _maybe, "note": text},
)
_SPEED = optional(record({}, dict.fromkeys(("target", "epochs", "steps", "examples", "seconds"), _maybe)))
_COST = ("seconds_per_epoch", "optimizer_bytes", "parameters", "optimizer_bytes_per_parameter")
RESULT = record(
    {"status": text, "message": text, "minima": table(MINIMUM, key=stop)},
    {
        "parameters": whole,
        "test_examples": whole,
        "cost": optional(record({}, dict.fromkeys(_COST, _maybe))),
        "speed": optional(record({}, {"target_loss": _SPEED, "target_accuracy": _SPEED})),
        "sought": several(text),
        "sha256": table(text, key=own_file),
    },
)
DESCRIBED = several(
    record(
        {
            **dict.fromkeys(("name", "label", "symbol", "summary", "blind_spot", "quantity", "why_not"), text),
            "sign": one_of(-1, 0, 1),
        }
    )
)
ENVIRONMENT = record({"created": text, "command": text}, {"processes": optional(whole)})
TOGETHER = several(several(text))
_TRAINING = record({}, {"optimizer_options": table(anything)})
CONFIG = record({}, {"together": whole, "sha256": text, "training": optional(_TRAINING)})


def _rate(value: Any) -> None:
    """Take a learning rate."""
    number(value)
    if not 0 < value <= LARGEST:
        raise Misshapen("a positive number")


_JUDGES = ("validation_loss", "validation_accuracy")
_DRAWN = record(
    {"status": text, "message": text, "values": table(number), **dict.fromkeys(_JUDGES, _maybe)},
    dict.fromkeys(("train_loss", "seconds"), _maybe),
)
_SEARCHED = record(
    {
        "optimizer": text,
        "space": several(record({"name": text, "low": number, "high": number})),
        "fixed": table(anything),
        "drawn": several(_DRAWN),
        "spent": whole,
        "failed": whole,
        "judged_by": one_of(*_JUDGES),
        "best": whole,
        "picked": record({"lr": _rate, "options": table(option)}),
        "edges": several(record({"name": text, "side": text, "value": number, "end": number})),
    }
)


def _searched(value: Any) -> None:
    """Take what was drawn for an optimizer, with the number of the best of it."""
    _SEARCHED(value)
    if value["best"] >= len(value["drawn"]):
        raise Misshapen("the number of one that was drawn", ("best",))


SEARCH = record(
    {
        "budget": whole,
        "seed": whole,
        "training_examples": whole,
        "validation_examples": whole,
        "optimizers": several(_searched),
    }
)
