"""What an optimizer is chosen by, as tables: speed to a target, generalization, cost, sensitivity."""

from typing import Any

from landscape.report.folder import Report
from landscape.report.numbers import NOTHING, fixed, number, plain, spread
from landscape.report.table import Row, Table

_SPEED = {"steps": "steps", "epochs": "epochs", "examples": "examples", "seconds": "seconds"}
_QUALITY = {
    "test_accuracy": "test acc. (%)",
    "test_loss": "test loss",
    "gap_loss": "gap in loss",
    "gap_error": "gap in error",
}
_MEDIANS = "medians over runs (lowest–highest)"
_RELATIVE = "relative_seconds_per_step"
_COST = {
    "seconds_per_epoch": "s / epoch",
    "seconds_per_step": "s / step",
    _RELATIVE: "step / SGD's",
    "optimizer_bytes_per_parameter": "bytes / parameter",
}
_FACTORS = {0.1: "lr ÷ 10", 0.5: "lr ÷ 2", 2.0: "lr × 2", 10.0: "lr × 10"}


def trade_offs(report: Report) -> list[Table]:
    """Return everything as one table of medians, then each part with its ranges."""
    return [
        overview(report),
        _speed(report, "loss"),
        _speed(report, "accuracy"),
        _columns(report, "generalization", f"The model at the end of training: {_MEDIANS}.", _QUALITY, missing=NOTHING),
        _columns(
            report,
            "cost",
            f"Cost: {_MEDIANS}.{_without_sgd(report)}{about_times(report.get('trade_offs') or [])}",
            _COST,
            missing=NOTHING,
        ),
        sensitivity(report),
    ]


def about_times(rows: list[dict[str, Any]]) -> str:
    """Return what is to be said of seconds in a study whose runs trained together and alone; else nothing."""
    if all(row.get("speed_unit", "seconds") == "seconds" for row in rows):
        return ""
    return (
        " Seconds of runs that trained together as one batched model are their share of its time and do not compare "
        "with those of runs that trained alone or with another number of others (--population off trains all alone)."
    )


def overview(report: Report) -> Table:
    """Return one table with all that an optimizer and its settings are chosen by, as medians over runs."""
    entries = report.get("trade_offs") or []
    percent = any(row.get("test_accuracy") for row in entries)
    score = "test_accuracy" if percent else "test_loss"
    units = [(f"{unit}_to_target_{target}", target) for target in ("loss", "accuracy") for unit in _OVERVIEW_UNITS]
    units = [(key, target) for key, target in units if target == "loss" or percent]
    kept = [score, "gap_loss", *(["gap_error"] if percent else [])]
    cost = [key for key in (_RELATIVE, "optimizer_bytes_per_parameter") if any(row.get(key) for row in entries)]
    titles = {**_QUALITY, **_COST}
    rows: list[Row] = [
        (
            *_names(row, report),
            f"{row['reached']}/{row['runs']}",
            *(_median(row.get(key)) if row.get(key) else "never" for key, _ in units),
            *(_median(row.get(key), percent=key == "test_accuracy") for key in kept),
            *(_median(row.get(key)) for key in cost),
            *_changes(row, percent),
        )
        for row in entries
        if row["lr"] is not None
    ]
    header = (
        *_name_header(report),
        "reached",
        *(f"{key.partition('_')[0]} to {target if target == 'loss' else 'acc.'}" for key, target in units),
        *(titles[key] for key in (*kept, *cost)),
        *_FACTORS.values(),
    )
    targets, result = ("targets", "accuracy (points)") if percent else ("target loss", "loss")
    caption = (
        f"Trade-offs: what it took to reach the {targets} (of the runs that did), generalization at the end, cost, and "
        f"how the test {result} changes as the learning rate moves off the best. Medians over runs."
        f"{about_times(entries)}"
    )
    return Table("trade-offs", caption, header, tuple(rows), names=len(_name_header(report)))


_OVERVIEW_UNITS = ("steps", "examples", "seconds")


def sensitivity(report: Report) -> Table:
    """Return how the result degrades off the best learning rate of each optimizer."""
    entries = [row for row in report.get("trade_offs") or [] if row.get("sensitivity")]
    percent = any(row.get("test_accuracy") for row in entries)
    score = "test_accuracy" if percent else "test_loss"
    rows: list[Row] = [
        (*_names(row, report), _median(row.get(score), percent=percent), *_changes(row, percent)) for row in entries
    ]
    header = (*_name_header(report), _QUALITY[score], *_FACTORS.values())
    caption = (
        f"Sensitivity: the best learning rate by the median test {'accuracy' if percent else 'loss'} at the end, and "
        f"its change{' in points' if percent else ''} at other learning rates."
    )
    every = [each["status"] for row in entries for each in row["sensitivity"]]
    note = "Not run: no learning rate of the study is that multiple; --lr-factor 0.1,0.5,1,2,10 runs them."
    notes = (note,) if "not run" in every else ()
    return Table("sensitivity", caption, header, tuple(rows), names=len(_name_header(report)), notes=notes)


def _changes(row: dict[str, Any], percent: bool) -> list[str]:
    """Return a cell for each factor of the best learning rate; the other learning rates have none."""
    found = {each["factor"]: each for each in row.get("sensitivity") or []}
    return [_change(found[factor], percent) if factor in found else "" for factor in _FACTORS]


def _change(each: dict[str, Any], percent: bool) -> str:
    if each["status"] != "finished":
        return str(each["status"])
    change = each["test_accuracy"] if percent else each["test_loss"]
    if change is None:
        return NOTHING
    text = fixed(100 * change, 1) if percent else number(change)
    return f"+{text}" if change > 0 and text.strip("0.") else text


def _names(row: dict[str, Any], report: Report) -> tuple[str, ...]:
    factors = row.get("factors") or {}
    return (row["optimizer"], plain(row["lr"]), *(_setting(factors.get(name)) for name in _varied(report)))


def _name_header(report: Report) -> tuple[str, ...]:
    return ("optimizer", "lr", *(name.replace("_", " ") for name in _varied(report)))


def _varied(report: Report) -> list[str]:
    """Return what varies beside the learning rate: the same for every row."""
    entries = report.get("trade_offs") or [{}]
    return list(entries[0].get("factors") or {})


def _setting(value: Any) -> str:
    if value is None:
        return "default"
    return plain(value) if isinstance(value, float) else str(value)


def _without_sgd(report: Report) -> str:
    entries = report.get("trade_offs") or []
    timed, compared = (any(row.get(key) for row in entries) for key in ("seconds_per_step", _RELATIVE))
    return " No time relative to SGD: it is not in this study." if timed and not compared else ""


def _speed(report: Report, target: str) -> Table:
    columns = {f"{unit}_to_target_{target}": title for unit, title in _SPEED.items()}
    caption = f"Speed to the target {target}: medians over the runs that got there (lowest–highest)."
    caption += about_times(report.get("trade_offs") or [])
    counts = ("reached", "diverged") if target == "loss" else ("reached_target_accuracy",)
    return _columns(report, f"speed-{target}", caption, columns, counts)


def _columns(
    report: Report,
    key: str,
    caption: str,
    columns: dict[str, str],
    counts: tuple[str, ...] = (),
    missing: str = "never",
) -> Table:
    """Return a table of those columns that hold any number; without any it has no rows."""
    entries = report.get("trade_offs") or []
    kept = [name for name in columns if any(row.get(name) for row in entries)]
    counted = [name for name in counts if any(name in row for row in entries)]
    rows: list[Row] = [
        (
            *_names(row, report),
            *(f"{row[count]}/{row['runs']}" for count in counted),
            *(spread(row[name], percent=name == "test_accuracy") if row.get(name) else missing for name in kept),
        )
        for row in entries
        if kept or any(row[count] for count in counted)
    ]
    titles = [each.partition("_")[0] for each in counted]
    header = (*_name_header(report), *titles, *(columns[name] for name in kept))
    return Table(key, caption, header, tuple(rows), names=len(_name_header(report)))


def brief_trade_offs(report: Report) -> list[Table]:
    """Return the medians only, narrow enough for a terminal; sensitivity where any of it was run."""
    entries = report.get("trade_offs") or []
    accuracy = any(row.get("test_accuracy") for row in entries)
    relative = any(row.get(_RELATIVE) for row in entries)
    columns = [
        ("epochs", "epochs_to_target_loss"),
        ("seconds", "seconds_to_target_loss"),
        ("acc. %", "test_accuracy") if accuracy else ("loss", "test_loss"),
        ("gap", "gap_loss"),
        ("step/SGD", _RELATIVE) if relative else ("s/epoch", "seconds_per_epoch"),
        ("B/param.", "optimizer_bytes_per_parameter"),
    ]
    rows: list[Row] = []
    for row in entries:
        cells = [_median(row.get(key), percent=key == "test_accuracy") for _, key in columns]
        if not row["reached"]:
            cells[:2] = ["never", "never"]
        rows.append((*_names(row, report), f"{row['reached']}/{row['runs']}", *cells))
    caption = (
        f"Trade-offs: runs that reached the target loss, epochs and seconds to it; test "
        f"{'accuracy' if accuracy else 'loss'} and gap in loss at the end; "
        f"{'time of a step over that of SGD' if relative else 'seconds an epoch'} and optimizer bytes a parameter. "
        f"Medians over runs.{about_times(entries)}"
    )
    header = (*_name_header(report), "reached", *(title for title, _ in columns))
    brief = Table("trade-offs", caption, header, tuple(rows), names=len(_name_header(report)))
    ran = any(each["status"] != "not run" for row in entries for each in row.get("sensitivity") or [])
    return [brief, sensitivity(report)] if ran else [brief]


def _median(values: dict[str, float] | None, percent: bool = False) -> str:
    return spread(
        {"value": values["value"], "low": values["value"], "high": values["value"]} if values else None, percent
    )
