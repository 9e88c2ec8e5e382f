"""Which settings are not beaten in both speed and generalization."""

from collections.abc import Sequence
from typing import Any


def mark_front(rows: Sequence[dict[str, Any]], speed: str = "seconds_to_target_loss") -> None:
    """Give each row of the trade-offs ``pareto``: whether no other is as fast and as good, and better in one.

    Fast is by the median of ``speed``, good by the median test accuracy at the end of training, or by
    the test loss where there are no classes. A row of which any run never got to the target is not on the front, and
    beats none: its median leaves out the slow ones.

    Args:
        rows: Changed in place.
        speed: What is the less the faster.
    """
    accuracy = any(row["test_accuracy"] for row in rows)
    places = [_place(row, speed, accuracy) for row in rows]
    for row, own in zip(rows, places, strict=True):
        row["pareto"] = own is not None and not any(_beats(other, own) for other in places)


def _place(row: dict[str, Any], speed: str, accuracy: bool) -> tuple[float, float] | None:
    """Return (speed, loss or error), both the less the better."""
    fast, quality = row[speed], row["test_accuracy" if accuracy else "test_loss"]
    if not fast or not quality or row["reached"] < row["runs"]:
        return None
    return fast["value"], -quality["value"] if accuracy else quality["value"]


def _beats(other: tuple[float, float] | None, own: tuple[float, float]) -> bool:
    return other is not None and other != own and other[0] <= own[0] and other[1] <= own[1]
