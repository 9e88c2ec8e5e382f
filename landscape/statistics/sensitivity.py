"""How the result of an optimizer degrades as its learning rate moves off the best one."""

import math
from collections.abc import Sequence
from typing import Any

FACTORS = (0.1, 0.5, 2.0, 10.0)
TOLERANCE = 0.01
"""Relative difference within which a learning rate that was run counts as the best one times a factor."""
FINISHED, DIVERGED, NOT_RUN = "finished", "diverged", "not run"


def mark_sensitivity(rows: Sequence[dict[str, Any]]) -> None:
    """Give the best learning rate of each optimizer ``sensitivity``, and every other row None.

    The best one has the highest median test accuracy at the end of training, of equal ones the least test loss, or
    the least test loss where there are no classes; one of which half the runs diverged or more is never the best.
    ``sensitivity`` is a list of ``{"factor", "lr", "status", "test_accuracy", "test_loss"}``, one for each of 1/10,
    1/2, 2 and 10 times the best: the change of the medians from those at the best. The status is ``"not run"`` where
    no learning rate is that multiple to 1 %, and ``"diverged"`` where half the runs diverged or more; then there is
    no change to speak of.

    Args:
        rows: Changed in place.

    Pitfalls:
        The best is chosen by the test set that the change is of, which flatters it a little where seeds are few.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        row["sensitivity"] = None
        if row["lr"] is not None:
            groups.setdefault((row["optimizer"], repr(row["factors"])), []).append(row)
    for group in groups.values():
        sound = [row for row in group if not _lost(row) and row["test_loss"]]
        if sound:
            best = min(sound, key=_order)
            best["sensitivity"] = [_change(group, best, factor) for factor in FACTORS]


def _change(group: list[dict[str, Any]], best: dict[str, Any], factor: float) -> dict[str, Any]:
    wanted = factor * best["lr"]
    nothing = {"factor": factor, "lr": wanted, "test_accuracy": None, "test_loss": None}
    found = [row for row in group if math.isclose(row["lr"], wanted, rel_tol=TOLERANCE)]
    if not found:
        return {**nothing, "status": NOT_RUN}
    row = min(found, key=lambda each: abs(math.log(each["lr"]) - math.log(wanted)))
    if _lost(row) or not row["test_loss"]:
        return {**nothing, "lr": row["lr"], "status": DIVERGED}
    changes = {
        key: row[key]["value"] - best[key]["value"] if row[key] and best[key] else None
        for key in ("test_accuracy", "test_loss")
    }
    return {"factor": factor, "lr": row["lr"], **changes, "status": FINISHED}


def _lost(row: dict[str, Any]) -> bool:
    return bool(2 * row["diverged"] >= row["runs"])


def _order(row: dict[str, Any]) -> tuple[float, float, float]:
    accuracy = row["test_accuracy"]
    return -accuracy["value"] if accuracy else 0.0, row["test_loss"]["value"], row["lr"]
