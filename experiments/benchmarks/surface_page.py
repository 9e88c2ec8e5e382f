"""The page ``docs/surfaces.md`` from the results of the surface benchmark."""

import statistics

NAMES = {
    "exact": "landscape, `--exact`",
    "adaptive": "landscape, as it is used",
    "loop": "plain loop in PyTorch",
    "loss-landscapes": "loss-landscapes, `metrics.Loss`",
    "loss-landscapes-batched": "loss-landscapes, batched metric",
}


def render(results: dict) -> str:
    """Return the page as Markdown."""
    machine = results["machine"]
    parts = [
        "# How fast a slice is computed\n",
        "Written by `python experiments/benchmarks/surfaces.py` from `experiments/benchmarks/surfaces.json`.\n",
        f"{machine['processor']}, {machine['cores']} cores, one thread, {machine['system']}, Python "
        f"{machine['python']}, PyTorch {machine['torch']}, {results['peer'].replace('==', ' ')}. Seconds are the "
        f"processor's; the machine was shared, so that caches and clock rates still vary: each number is the least of "
        f"{results['rounds']} rounds, each way in a process of its own. A *pass* is one forward pass over all examples "
        f"in inference mode, in the same process: the floor of computing every point. Only the training loss is "
        f"computed.\n",
    ]
    for problem in results["problems"].values():
        parts.append(_problem(problem))
    parts.append(
        "The error of interpolated points is that of the loss's logarithm relative to its range over the slice, at "
        "*all* points, against the plain loop; the command's own estimate is from points held out. loss-landscapes "
        "draws its own directions, so only its cost compares. `deepcopy_model` is left at its default.\n"
    )
    return "\n".join(parts)


def _problem(problem: dict) -> str:
    count = problem["points"] ** 2
    best = {way: min(rows, key=lambda row: row["seconds"]) for way, rows in problem["ways"].items()}
    lines = [
        f"## {problem['title']}, {problem['points']} x {problem['points']} points\n",
        "| way | seconds | points computed | passes a point of the grid | ratio to `--exact` | weights untouched | "
        "trained point on the grid |",
        "|---|---|---|---|---|---|---|",
    ]
    exact = best["exact"]["seconds"] if "exact" in best else None
    for way, row in best.items():
        floor = statistics.mean(row["pass_seconds"])
        lines.append(
            f"| {NAMES[way]} | {row['seconds']:.1f} | {row['evaluations']:,} | {row['seconds'] / floor / count:.3f} | "
            f"{_ratio(row['seconds'], exact)} | {_yes(row['untouched'])} | "
            f"{_yes(row['center_in_middle'])} |"
        )
    lines.append("")
    for way, error in problem["errors"].items():
        lines.append(
            f"- {NAMES[way]}: largest relative error of a loss {error['largest_relative']:.1e}, of its logarithm "
            f"{100 * error['largest_of_range']:.2g} % of the range."
        )
    return "\n".join(lines) + "\n"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _ratio(seconds: float, exact: float | None) -> str:
    return "–" if exact is None else f"{seconds / exact:.2f}"
