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
        f"processor's; the machine was shared, so that caches and clock rates still vary: each number is the "
        f"least of {results['rounds']} round(s), each way in a process of its own. A *pass* is one forward pass "
        f"over all examples in inference mode, in the same process: the floor of computing every point. "
        f"Only the training loss is computed. All have the same examples in the same batches.\n",
    ]
    for problem in results["problems"].values():
        parts.append(_problem(problem))
    if "resnet20" not in results["problems"]:
        parts.append("ResNet-20 was not measured in this run.\n")
    parts.append(
        "The error of interpolated points is that of the loss's logarithm relative to its range over the slice, at "
        "*all* points, against the plain loop; the command's own estimate is from points held out. loss-landscapes "
        "draws its own directions, so only its cost compares. `deepcopy_model` is left at its default.\n\n"
        "What makes a point cheaper than a pass: BatchNorm is part of the convolution before it, a first convolution "
        "of one or two channels is a product with patches that are made once, images lie channels-last. What bounds "
        "the rest is the arithmetic of the convolutions: of a pass of ResNet-20 with BatchNorm folded, profiled once "
        "on this processor, they took 84 %. On the CNN, grouped convolutions with the parameters of eight points took "
        "1.1 to 1.8 times as long, and smaller batches took longer too.\n"
    )
    return "\n".join(parts)


def _problem(problem: dict) -> str:
    count = problem["points"] ** 2
    best = {way: min(rows, key=_seconds) for way, rows in problem["ways"].items()}
    exact = _seconds(best["exact"]) if "exact" in best else None
    lines = [
        f"## {problem['title']}, {problem['points']} x {problem['points']} points\n",
        "| way | points computed | seconds for the plane | ratio to `--exact` | passes a point of the plane | weights "
        "untouched | trained point on the grid |",
        "|---|---|---|---|---|---|---|",
    ]
    for way, row in best.items():
        seconds, floor = _seconds(row), statistics.mean(row["pass_seconds"])
        fewer = way == "adaptive" and problem["adaptive"] != problem["examples"]
        computed = f"{row['evaluations']:,}" if way == "adaptive" else f"{count:,}"
        lines.append(
            f"| {NAMES[way]} | {computed} | {'–' if fewer else f'{seconds:,.1f}'} | "
            f"{'–' if fewer else _ratio(seconds, exact)} | {seconds / floor / count:.3f} | "
            f"{_yes(row['untouched'])} | {_yes(row['center_in_middle'])} |"
        )
    lines.append("")
    if problem["sample"]:
        lines.append(
            f"Ways that compute every point were timed on {problem['sample']} points, the trained one and random "
            f"others (loss-landscapes: a coarser grid of as many), and their seconds scaled to {count:,}.\n"
        )
    if problem["adaptive"] != problem["examples"]:
        lines.append(
            f"The adaptive way ran on {problem['adaptive']} of the {problem['examples']:,} examples: its seconds do "
            f"not compare, its points and passes do. At points held out it measured an error of "
            f"{_measured(best['adaptive'])} % of the range of the loss's logarithm.\n"
        )
    for way, error in problem["errors"].items():
        lines.append(
            f"- {NAMES[way]}: at {error['points']:,} points the largest relative error of a loss is "
            f"{error['largest_relative']:.1e}, of its logarithm {100 * error['largest_of_range']:.2g} % of the range."
        )
    return "\n".join(lines).rstrip() + "\n"


def _seconds(row: dict) -> float:
    """Return the seconds for the whole plane: scaled where only some points of a way that computes all were timed."""
    return row["seconds"] * (1 if row["note"].startswith("measured error") else row["grid"] / row["evaluations"])


def _measured(row: dict) -> str:
    return f"{100 * float(row['note'].split()[-1]):.2g}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _ratio(seconds: float, exact: float | None) -> str:
    return "–" if exact is None else f"{seconds / exact:.2f}"
