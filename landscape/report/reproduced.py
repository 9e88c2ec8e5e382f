"""What a terminal shows of a study that was computed once more."""

from typing import Any

from landscape.report.numbers import number
from landscape.report.table import Table
from landscape.report.terminal import text_table, wrapped

_SAME = "identical"


def reproduced_text(result: dict[str, Any], width: int = 80) -> str:
    """Return how far each run is from the first time, as text of at most ``width`` columns.

    Args:
        result: What `landscape.study.reproduce.reproduce` returned.
        width: Columns of the terminal.
    """
    sliced = any(each["slices"] is not None for each in result["runs"])
    header = ("run", "history", "weights", "measures", *(("slices",) if sliced else ()))
    rows = tuple(
        (each["run"], *(_apart(each[name]) for name in ("history", "weights", "measurements")))
        + ((_apart(each["slices"]),) if sliced else ())
        for each in result["runs"]
    )
    caption = "Largest relative difference of a number between the two times; wall-clock times are left out."
    parts = [wrapped(_verdict(result), width), text_table(Table("reproduced", caption, header, rows), width)]
    told = [wrapped(each, width, "! ") for run in result["runs"] for each in _wrong(run)]
    changed = [wrapped(f"{name} was {_was(old)}, is {_was(new)}", width, "- ") for name, (old, new) in _changed(result)]
    if changed:
        parts.append("\n".join(["The environment is another one:", *changed]))
    return "\n\n".join([*parts, *(["\n".join(told)] if told else [])]) + "\n"


def _verdict(result: dict[str, Any]) -> str:
    count = len(result["runs"])
    runs = "The run comes" if count == 1 else f"All {count} runs come"
    if result["identical"]:
        return f"{runs} out the same to the bit."
    if result["within_error"]:
        return f"{runs} out the same within the errors of what was measured, not to the bit."
    return "Not every run comes out the same: some measured values differ by more than both their errors."


def _apart(value: float | None) -> str:
    if value is None:
        return "–"
    return _SAME if value == 0 else number(value, 2)


def _wrong(run: dict[str, Any]) -> list[str]:
    beyond = ", ".join(name.replace("_", " ") for name in run["beyond_error"])
    found = [f"{run['run']}: beyond both errors: {beyond}."] if beyond else []
    return found + ([f"{run['run']}: only one of the two has {', '.join(run['missing'])}."] if run["missing"] else [])


def _changed(result: dict[str, Any]) -> list[tuple[str, tuple[Any, Any]]]:
    return [(name.replace("_", " "), tuple(pair)) for name, pair in result["environment"].items()]


def _was(value: Any) -> str:
    return "not recorded" if value is None else str(value)
