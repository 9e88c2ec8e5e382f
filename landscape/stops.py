"""Points of a training at which its minima are taken, by name, and how they are called."""

import math
import re

from landscape.weight_average import WeightAverage

MATCHED, END = "matched", "end"
_LEVEL, _EPOCH = "matched:", "epoch:"
_NUMBER = r"\d+(\.\d*)?([eE][+-]?\d+)?"


def level_stop(level: float) -> str:
    """Return the name of the first crossing of a training loss other than the primary one.

    Example:
        >>> level_stop(0.3), level_stop(1.0), epoch_stop(5)
        ('matched:0.3', 'matched:1', 'epoch:5')
    """
    return f"{_LEVEL}{level_text(level)}"


def level_text(level: float) -> str:
    """Return a training loss as names spell it: as short as it can be without another meaning."""
    return f"{level:g}" if float(f"{level:g}") == level else repr(level)


def epoch_stop(epoch: int) -> str:
    """Return the name of the point after so many passes over the training set."""
    return f"{_EPOCH}{epoch}"


def is_level(stop: str) -> bool:
    """Return whether a point is taken where the training loss first is at or below a level."""
    return stop == MATCHED or is_further_level(stop)


def is_further_level(stop: str) -> bool:
    """Return whether a point is taken at another level than the primary one."""
    return stop.startswith(_LEVEL)


def is_epoch(stop: str) -> bool:
    """Return whether a point is taken after a number of epochs."""
    return stop.startswith(_EPOCH)


def is_average(stop: str) -> bool:
    """Return whether a point is an average of the weights along a training."""
    return stop.startswith(("ema:", "swa:"))


def level_of(stop: str) -> float:
    """Return the training loss that a further level is called after."""
    return float(stop.removeprefix(_LEVEL))


def parse_stop(text: str) -> str:
    """Return the name of a point, always spelled alike.

    Raises:
        ValueError: If it is none; says what was expected.
    """
    if text in (MATCHED, END):
        return text
    if isinstance(text, str) and re.fullmatch(_LEVEL + _NUMBER, text) and 0 < level_of(text) < math.inf:
        return level_stop(level_of(text))
    if isinstance(text, str) and re.fullmatch(rf"{_EPOCH}[1-9]\d*", text):
        return text
    try:
        return WeightAverage.parse(text).name
    except ValueError:
        raise ValueError(
            "matched, end, a level such as matched:0.3, an epoch such as epoch:5, or an average of the weights such "
            "as ema:0.999 or swa:0.75"
        ) from None


def stop_words(stop: str) -> str:
    """Return where a point lies, as a report says it."""
    if stop == MATCHED:
        return "at matched training loss"
    if stop == END:
        return "at the end of training"
    if is_further_level(stop):
        return f"at training loss {stop.removeprefix(_LEVEL)}"
    if is_epoch(stop):
        count = stop.removeprefix(_EPOCH)
        return f"after {count} epoch" + "s" * (count != "1")
    return WeightAverage.parse(stop).words


def place(stop: str) -> tuple[int, float, str]:
    """Return what points are sorted by: the matched one, the end, levels downwards, epochs upwards, averages."""
    if stop in (MATCHED, END):
        return int(stop == END), 0.0, ""
    if is_further_level(stop):
        return 2, -level_of(stop), ""
    return (3, float(stop.removeprefix(_EPOCH)), "") if is_epoch(stop) else (4, 0.0, stop)


def file_name(stop: str) -> str:
    """Return the name of a point as part of a file's name."""
    return stop.replace(":", "-")
