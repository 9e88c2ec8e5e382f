"""The numbers of one minimum's curvature as tables, the same for the terminal and the page."""

from typing import Any

from landscape.report.mass_near_zero import allowed, error_kind, share
from landscape.report.numbers import number, with_error
from landscape.report.table import Row, Table

OPERATORS = {
    "hessian": "Hessian",
    "gauss_newton": "Gauss-Newton matrix",
    "fisher": "Fisher matrix (type II)",
    "fisher_monte_carlo": "Fisher matrix (Monte-Carlo)",
    "fisher_empirical": "Empirical Fisher matrix",
    "preconditioned": "Preconditioned Hessian",
}
Result = dict[str, Any]


def title(result: Result) -> str:
    """Return what was measured in a few words."""
    return f"{OPERATORS[result['operator']]} of {result['name']}"


def point(result: Result) -> str:
    """Return where the numbers were taken, in one sentence."""
    origin = result["origin"]
    return (
        f"{origin[:1].upper()}{origin[1:]}: loss {number(result['loss'], 4)}, gradient norm "
        f"{number(result['gradient_norm'], 2)} over {result['examples']:,} examples; {result['parameters']:,} "
        f"parameters, {result['dtype']} on {result['device']}."
    )


def eigenvalues(result: Result) -> Table:
    """Return a row an eigenvalue: its value and bound, residual, and whether the bound is a theorem."""
    rows = tuple(
        (_rank(row), marked(number_with_bound(row), row["converged"]), number(row["residual"], 2), row["bound_kind"])
        for row in result["eigenvalues"]
    )
    return Table(
        "eigenvalues",
        "Eigenvalues by algebraic size. There is one within the residual of each value: that is rigorous. A bound "
        "called heuristic is sharper and holds if no eigenvalue was missed; one called probable is that of the "
        "eigenvalue of its rank, but for a chance of 1e-6.",
        ("eigenvalue", "value ± bound", "residual", "bound is"),
        rows,
    )


def number_with_bound(row: Result) -> str:
    """Return a value and its bound."""
    return with_error(row["value"], row["bound"])


def others(result: Result) -> Table:
    """Return a row for each other number: trace, ratio of the extremes, and what the density says."""
    trace, ratio, density = result["trace"], result["ratio"], result["density"]
    rows: list[Row] = []
    if trace:
        value = marked(with_error(trace["value"], trace["error"]), trace["converged"])
        rows.append((f"trace ({trace['method']})", value, trace["error_kind"], cost(trace["matvecs"], trace["passes"])))
    if ratio and ratio["value"] is not None:
        good = all(row["converged"] for row in result["eigenvalues"])
        value = marked(with_error(ratio["value"], ratio["error"]), good)
        rows.append(("|smallest / largest|", value, f"{ratio['bound_kind']} bound", ""))
    return Table(
        "others",
        "Sums and ratios of eigenvalues, with errors, and their cost in products with the operator or in "
        "backward passes.",
        ("number", "value ± error", "error is", "cost"),
        tuple(rows + (_of_density(density) if density else [])),
        notes=tuple(_notes(density)) if density else (),
    )


def _of_density(density: Result) -> list[Row]:
    mass, products = density["near_zero"], cost(density["matvecs"], 0)
    value = marked(share(mass), density["converged"])
    rows: list[Row] = [(f"% within ±{number(mass['threshold'], 2)}", value, error_kind(mass), products)]
    for side in ("above", "below"):
        if side == "above" or density[side]["count"]:
            rows.append((f"outliers {side}", str(density[side]["count"]), "", ""))
    return rows


def _notes(density: Result) -> list[str]:
    """Return what the numbers of a density rest on."""
    mass, found, classes = density["near_zero"], density["above"], density["num_classes"]
    within = f"within ±{number(mass['threshold'], 2)}"
    notes = [f"T{allowed(mass)[1:]} {within}."] if allowed(mass) else []
    held = f" There are {classes} classes." if classes else ""
    if found["gap_after"]:
        notes.append(
            f"The largest ratio of two neighbours above the bulk is {number(found['gap'])}, after "
            f"{found['gap_after']} of {len(found['values'])} resolved eigenvalues; from 1.5 on those before it count "
            f"as outliers.{held}"
        )
    return notes


def unconverged(result: Result) -> list[str]:
    """Return a sentence for each part that has not converged."""
    parts = {"eigenvalue_solver": "The eigenvalues", "trace": "The trace", "density": "The density"}
    return [
        f"{name} did not converge: {result[key]['reason']}. Give more --max-matvecs or a larger tolerance."
        if key != "density"
        else f"{name} did not converge: {result[key]['reason']}. Give more --density-probes."
        for key, name in parts.items()
        if result.get(key) and not result[key]["converged"]
    ]


def _rank(row: Result) -> str:
    extreme = {"top": "largest", "bottom": "smallest"}[row["end"]]
    return extreme if row["rank"] == 1 else f"{_ordinal(row['rank'])} {extreme}"


def cost(matvecs: int, passes: int) -> str:
    """Return products and backward passes in words."""
    if not passes:
        return f"{matvecs:,} product{'s' * (matvecs != 1)}"
    return f"{matvecs:,} + {passes:,} passes" if matvecs else f"{passes:,} pass{'es' * (passes != 1)}"


def _ordinal(rank: int) -> str:
    last = "th" if 10 < rank % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank}{last}"


def marked(text: str, converged: bool) -> str:
    """Return a cell whose last column is kept free for the mark, so that numbers stay aligned."""
    return text if converged else f"{text} !"
