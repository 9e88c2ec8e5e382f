"""What is drawn of a tracked training: the same panels for the figure and the page."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape.report.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION

MOST_EIGENVALUES = 5
"""Eigenvalues drawn; the files have all that were asked for."""

GREYS = ("#5f5f5f", "#868686", "#a6a6a6", "#c2c2c2")

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Curve:
    """One line of a panel: a value at each step, with an error where there is one."""

    name: str
    y: Array
    error: Array | None
    color: str
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel: what its axis says, its lines, and whether the axis is logarithmic, linear or symmetric-log."""

    key: str
    title: str
    axis: str
    curves: tuple[Curve, ...]
    scale: str = "linear"
    note: str = ""


def steps(result: dict[str, Any]) -> Array:
    """Return the steps of the stops."""
    return np.array([row["step"] for row in result["rows"]], dtype=np.float64)


def panels(result: dict[str, Any]) -> list[Panel]:
    """Return what there is to draw."""
    rows = result["rows"]
    found = [Panel("loss", "Training loss", "training loss", (_curve(rows, "train_loss", "loss", BLUE),), "log")]
    found.append(_sharpness(result))
    if result["summary"]["preconditioned"]:
        found.append(
            Panel(
                "plain",
                "Top eigenvalue of the Hessian itself",
                "top eigenvalue",
                (_top(rows, "top eigenvalue"), *_further(rows, "eigenvalues")),
            )
        )
    if any(row["trace"] is not None for row in rows):
        found.append(Panel("trace", "Trace", "trace", (_curve(rows, "trace", "trace", PURPLE, "trace_error"),)))
    found += [_alignment(rows), _change(rows)]
    return [panel for panel in found if any(np.isfinite(curve.y).any() for curve in panel.curves)]


def _sharpness(result: dict[str, Any]) -> Panel:
    rows, settings = result["rows"], result["settings"]
    preconditioned = result["summary"]["preconditioned"]
    name = "preconditioned_top_eigenvalue" if preconditioned else "top_eigenvalue"
    words = "preconditioned top eigenvalue" if preconditioned else "top eigenvalue"
    curves = [_curve(rows, name, words, BLUE, f"{name}_bound")]
    curves += _further(rows, "preconditioned_eigenvalues" if preconditioned else "eigenvalues")
    mini = settings["steps_per_epoch"] > 1
    if mini and not preconditioned:
        curves.append(_curve(rows, "batch_sharpness", "batch sharpness", ORANGE, "batch_sharpness_error"))
    edge = _curve(rows, "edge", "edge of stability", BLACK)
    note = ""
    if np.isfinite(edge.y).any():
        curves.append(Curve(edge.name, edge.y, None, BLACK, dashed=True))
    else:
        note = next((row["edge_note"] for row in rows if row["edge_note"]), "")
    if mini and not note:
        note = "Steps take mini-batches; the edge is that of the full batch."
    return Panel("sharpness", "Sharpness against the edge of stability", words, tuple(curves), "linear", note)


def _alignment(rows: list[dict[str, Any]]) -> Panel:
    curves = tuple(
        Curve(what, _numbers([_first(row[f"{what}_alignment"]) for row in rows]), None, color, dashed)
        for what, color, dashed in (("gradient", GREEN, False), ("update", VERMILION, True))
    )
    return Panel("alignment", "Alignment with the top eigenvector", "|cosine|", curves)


def _change(rows: list[dict[str, Any]]) -> Panel:
    curves = (
        _curve(rows, "actual_change", "what the step did", BLUE),
        _curve(rows, "predicted_change", "what its quadratic expansion says", VERMILION),
    )
    dashed = Curve(curves[1].name, curves[1].y, None, VERMILION, dashed=True)
    both = (curves[0], dashed)
    return Panel(
        "change", "Change of the loss in one step", "change of loss", both, "symlog" if _wide(both) else "linear"
    )


def _wide(curves: tuple[Curve, ...]) -> bool:
    """Return whether sizes differ so much that powers of ten are ticks enough."""
    sizes = np.abs(np.concatenate([curve.y for curve in curves]))
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    return bool(len(sizes)) and float(sizes.max() / np.quantile(sizes, 0.1)) > 100


def linear_range(values: Array) -> tuple[float, float]:
    """Return the ends of a linear axis that holds zero and these values, with room for a note or a legend."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    return 1.15 * low, 1.15 * high or (0.0 if low else 1.0)


def _further(rows: list[dict[str, Any]], key: str) -> list[Curve]:
    """Return the eigenvalues below the top one, where they were asked for: those that there is room for."""
    count = min(max((len(row[key]) for row in rows), default=0), MOST_EIGENVALUES)
    curves = []
    for index in range(1, count):
        pairs = [row[key][index] if len(row[key]) > index else {"value": None, "bound": None} for row in rows]
        values, bounds = (_numbers([pair[name] for pair in pairs]) for name in ("value", "bound"))
        curves.append(Curve(f"eigenvalue {index + 1}", values, bounds, GREYS[index - 1]))
    return curves


def _top(rows: list[dict[str, Any]], name: str) -> Curve:
    return _curve(rows, "top_eigenvalue", name, PURPLE, "top_eigenvalue_bound")


def _curve(rows: list[dict[str, Any]], key: str, name: str, color: str, error: str = "") -> Curve:
    errors = _numbers([row[error] for row in rows]) if error else None
    return Curve(name, _numbers([row[key] for row in rows]), errors, color)


def _first(values: list[float]) -> float | None:
    return values[0] if values else None


def _numbers(values: list[float | None]) -> Array:
    return np.array([np.nan if each is None else each for each in values], dtype=np.float64)


def linear_below(curves: tuple[Curve, ...]) -> float:
    """Return below which magnitude a symmetric-log axis is linear: the smallest quarter of what is drawn."""
    sizes = np.abs(np.concatenate([curve.y for curve in curves]))
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    return float(np.quantile(sizes, 0.25)) if len(sizes) else 1.0


def symmetric_ticks(values: Array, below: float) -> list[float]:
    """Return zero and powers of ten of either sign that a symmetric-log axis of these values has room for."""
    low, high = float(values.min()), float(values.max())
    largest = max(abs(low), abs(high))
    # nearer to zero a label would run into that of zero
    first, last = math.ceil(math.log10(3 * below)), math.floor(math.log10(largest)) if largest else 0
    sizes = [10.0**power for power in range(last, first - 1, -max(1, (last - first + 1) // 3))][::-1]
    return [*(-each for each in reversed(sizes) if -each >= low), 0.0, *(each for each in sizes if each <= high)]
