"""What an optimizer is chosen by, as tables: speed to a target, generalization, and cost."""

from landscape.report.folder import Report
from landscape.report.numbers import NOTHING, plain, spread
from landscape.report.table import Row, Table

_SPEED = {"epochs": "epochs", "examples": "examples", "seconds": "seconds"}
_QUALITY = {
    "test_accuracy": "test acc. (%)",
    "test_loss": "test loss",
    "gap_loss": "gap in loss",
    "gap_error": "gap in error",
}
_MEDIANS = "medians over runs (lowest–highest)"
_COST = {"seconds_per_epoch": "s / epoch", "optimizer_bytes_per_parameter": "bytes / parameter"}


def trade_offs(report: Report) -> list[Table]:
    """Return speed to the target loss, speed to the target accuracy, generalization, and cost."""
    return [
        _speed(report, "loss"),
        _speed(report, "accuracy"),
        _columns(report, "generalization", f"The model at the end of training: {_MEDIANS}.", _QUALITY, missing=NOTHING),
        _columns(report, "cost", f"Cost: {_MEDIANS}.", _COST, missing=NOTHING),
    ]


def _speed(report: Report, target: str) -> Table:
    columns = {f"{unit}_to_target_{target}": title for unit, title in _SPEED.items()}
    caption = f"Speed to the target {target}: medians over the runs that got there (lowest–highest)."
    counts = ("reached", "diverged") if target == "loss" else ()
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
    rows: list[Row] = [
        (
            row["optimizer"],
            plain(row["lr"]),
            *(f"{row[count]}/{row['runs']}" for count in counts),
            *(spread(row[name], percent=name == "test_accuracy") if row.get(name) else missing for name in kept),
        )
        for row in entries
        if kept or any(row[count] for count in counts)
    ]
    return Table(key, caption, ("optimizer", "lr", *counts, *(columns[name] for name in kept)), tuple(rows), names=2)


def brief_trade_offs(report: Report) -> Table:
    """Return the medians only, in one table that is narrow enough for a terminal."""
    entries = report.get("trade_offs") or []
    accuracy = any(row.get("test_accuracy") for row in entries)
    columns = [
        ("epochs", "epochs_to_target_loss"),
        ("seconds", "seconds_to_target_loss"),
        ("acc. %", "test_accuracy") if accuracy else ("loss", "test_loss"),
        ("loss gap", "gap_loss"),
        ("s/epoch", "seconds_per_epoch"),
        ("B/param.", "optimizer_bytes_per_parameter"),
    ]
    rows: list[Row] = []
    for row in entries:
        cells = [_median(row.get(key), percent=key == "test_accuracy") for _, key in columns]
        if not row["reached"]:
            cells[:2] = ["never", "never"]
        rows.append((row["optimizer"], plain(row["lr"]), f"{row['reached']}/{row['runs']}", *cells))
    caption = (
        f"Trade-offs: runs that reached the target loss, epochs and seconds to it; test "
        f"{'accuracy' if accuracy else 'loss'} and gap at the end; seconds an epoch and optimizer bytes a parameter. "
        f"Medians over runs."
    )
    header = ("optimizer", "lr", "reached", *(title for title, _ in columns))
    return Table("trade-offs", caption, header, tuple(rows), names=2)


def _median(values: dict[str, float] | None, percent: bool) -> str:
    return spread(
        {"value": values["value"], "low": values["value"], "high": values["value"]} if values else None, percent
    )
