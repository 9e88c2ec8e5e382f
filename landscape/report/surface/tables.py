"""The numbers beside a surface as tables and sentences, the same for the terminal and the page."""

from typing import Any

from landscape.report.numbers import estimate, number
from landscape.report.table import Row, Table

Result = dict[str, Any]
AGREE = 0.01


def title(result: Result) -> str:
    """Return what is shown in a few words."""
    what = {1: "line", 2: "plane", 3: "volume"}[result["dimensions"]]
    return f"Loss on a {what} through {result['name']}"


def point(result: Result) -> str:
    """Return what it goes through and what it was evaluated on."""
    counts, all_of = result["examples"], result["populations"]
    parts = [
        f"{counts[kind]:,} {kind} examples" + (f" of {all_of[kind]:,}" if counts[kind] < all_of.get(kind, 0) else "")
        for kind in counts
    ]
    origin = result["origin"]
    return (
        f"{origin[:1].upper()}{origin[1:]}. {' and '.join(parts)}; {result['parameters']:,} parameters, "
        f"{result['dtype']} on {result['device']}." + (f" {result['batch_norm']}." if result["batch_norm"] else "")
    )


def share(result: Result) -> str:
    """Return how much of the space a slice shows."""
    count, n = result["dimensions"], result["parameters"]
    return f"It shows {count} of {n:,} dimensions: what lies in the others, it cannot tell."


def filled(result: Result) -> str:
    """Return how the grid was filled, with the error of what was interpolated."""
    found = result["filled"]
    if found["computed"] == found["points"]:
        return f"All {found['points']:,} grid points were computed ({found['reason']})."
    losses = {name: error for name, error in found["errors"].items() if name.endswith("_loss")}
    others = {name: error for name, error in found["errors"].items() if name.endswith("_accuracy")}
    worst = number(100 * max(losses.values()), 2)
    text = (
        f"{found['computed']:,} of {found['points']:,} grid points were computed, the others interpolated. On "
        f"{found['held_out']} points held out the largest error of the loss was {worst} % of "
        f"its logarithm's range (tolerance {number(100 * found['tolerance'], 2)} %)"
    )
    if others:
        text += (
            f", of the accuracy, which moves in steps and is held to no tolerance, "
            f"{number(100 * max(others.values()), 2)} percentage points"
        )
    return text + ". --exact computes all."


def lowest(result: Result) -> str:
    """Return where the slice is lowest."""
    found = result["lowest"]
    if found["at_center"]:
        return f"The training loss of the slice is lowest at the trained point ({number(found['loss'], 4)})."
    where = ", ".join(
        f"{axis['key']} = {number(c)}" for axis, c in zip(result["axes"], found["coordinates"], strict=True)
    )
    edge = " on the edge of the grid" if found["on_edge"] else ""
    return (
        f"The training loss of the slice is lowest at {where}{edge} ({number(found['loss'], 4)}; at the trained point, "
        f"which is on the grid, {number(found['center'], 4)})."
    )


def sentences(result: Result) -> list[str]:
    """Return what has to be said beside the picture."""
    found = [*result["notes"], share(result), filled(result), lowest(result), *_curvature_notes(result)]
    if result["paired_error"] is not None:
        found.append(
            f"Standard error of the difference of the training loss to that of the trained point, over examples in "
            f"pairs: {number(result['paired_error'], 2)} at the median grid point."
        )
    about = result["about"]
    if "explained" in about:
        each = " and ".join(f"{number(100 * value)} %" for value in about["explained"])
        null = " and ".join(f"{number(100 * value)} %" for value in about["null_explained"])
        found.append(
            f"The components hold {each} of the variance of {len(about['checkpoints'])} checkpoints; those of a random "
            f"walk of as many steps would hold {null}. The checkpoints lie up to {number(max(about['distances']), 2)} "
            f"away from the plane."
        )
    if "unit" in about:
        found.append(
            f"The unit of both axes is {about['unit']}."
            if result["dimensions"] == 2
            else f"The unit is {about['unit']}."
        )
    return found


def _curvature_notes(result: Result) -> list[str]:
    off = [row for row in result["curvature"] if row["disagreement"] > AGREE]
    if not off:
        return []
    names = " and ".join(row["direction"] for row in off)
    return [
        f"Along {names} the loss's own second difference and the Hessian's curvature disagree by up to "
        f"{number(100 * max(row['disagreement'] for row in off), 2)} %: on piecewise-linear networks (ReLU, "
        f"max-pooling) kinks lie between the points, which the Hessian does not see; on a smooth one the slice reaches "
        f"too far for its small steps (a thousandth of the half-width): give a smaller --radius."
    ]


def axes(result: Result) -> Table:
    """Return a row an axis: its direction, and its curvature by the Hessian and by the slice's own differences."""
    rows: list[Row] = []
    for axis, row in zip(result["axes"], result["curvature"], strict=True):
        rows.append(
            (
                f"{axis['key']}: {axis['name']}",
                f"{number(axis['low'], 2)} to {number(axis['high'], 2)}",
                number(axis["norm"]),
                number(row["hessian"], 4),
                number(row["small"], 4),
                number(row["grid"], 4),
            )
        )
    return Table(
        "axes",
        "Axes, and the curvature along them at the trained point per squared unit: of the Hessian, and second "
        "differences of the loss over small steps and over those of the grid.",
        ("axis", "range", "length", "Hessian", "small steps", "grid"),
        tuple(rows),
    )


def marks(result: Result) -> Table:
    """Return a row a marked point: where it lies, its loss and accuracy, evaluated there."""
    names = [
        name for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy") if name in result["marks"][0]
    ]
    rows = tuple(
        (
            mark["name"],
            ", ".join(number(c) for c in mark["coordinates"]),
            *(number(mark[name], 4) for name in names),
        )
        for mark in result["marks"]
    )
    return Table(
        "marks",
        "Marked points, evaluated where they are.",
        ("point", "coordinates", *(name.replace("_", " ") for name in names)),
        rows,
    )


def profiles(result: Result) -> str:
    """Return what the lines along many directions show, in words."""
    found = result["profiles"]
    infinite = sum(value is None for each in found["losses"].values() for row in each for value in row)
    text = (
        f"Loss along {found['directions']} random directions ({found['normalization']} normalisation, seed "
        f"{found['seed']}), every point computed: the median over directions in bands of half and of 90 % of them. A "
        f"single line is one draw from this."
    )
    return text + (f" {infinite} losses are infinite, drawn as the highest." if infinite else "")


def paths(result: Result) -> Table:
    """Return a row a path: its barriers with their intervals, and its length."""
    rows = []
    for path in result["paths"]:
        name = f"{path['kind']}{', neurons aligned' * bool(path['aligned'])}"
        heights = [_barrier(each) for each in path["barriers"].values()]
        rows.append((name, *heights, number(path["barriers"]["train"]["peak"]), number(path["length"], 4)))
    ends = f" from {result['paths'][0]['from']} to {result['paths'][0]['to']}" if rows else ""
    return Table(
        "paths",
        f"Paths{ends}: height of the barrier above the straight line between the losses of both ends, with its 95 % "
        f"interval over examples (bootstrap), the highest training loss, and the length over the distance of the ends.",
        ("path", *(f"barrier, {kind}" for kind in result["examples"]), "highest", "length"),
        tuple(rows),
        notes=tuple(
            f"Aligned: {path['aligned']['moved']} of {path['aligned']['neurons']} neurons changed place; the distance "
            f"fell from {number(path['aligned']['distance_before'], 4)} to {number(path['aligned']['distance'], 4)}."
            for path in result["paths"]
            if path["aligned"]
        )[:1],
    )


def _barrier(found: Result) -> str:
    return estimate(found["height"], found["low"], found["high"])


def widths(result: Result) -> Table:
    """Return a row a kind of direction: quantiles of how far the loss stays low."""
    rows = []
    for each in result["widths"]:
        more = f"> {number(each['most'])}"
        cells = [more if value is None else number(value) for value in each["quantiles"].values()]
        rows.append((each["kind"], *cells, str(each["directions"])))
    first = result["widths"][0] if rows else {"factor": 0, "target": 0}
    return Table(
        "widths",
        f"How many lengths of a direction one can go before the training loss is {number(first['factor'])} times that "
        f"of the trained point ({number(first['target'])}): quantiles over directions, each to 1 %.",
        ("directions", "5 %", "25 %", "median", "75 %", "95 %", "number"),
        tuple(rows),
    )


def extra_tables(result: Result) -> list[Table]:
    """Return the tables of what was asked for beside the slice."""
    return [table for table in (paths(result), widths(result)) if table.rows]
