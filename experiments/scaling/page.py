"""The table and the figure of what was measured, and of what it means on paper."""

import statistics
from pathlib import Path
from typing import Any

import on_paper
from cases import APART, cases
from drawing import draw

Row = dict[str, Any]
HEADS = {
    "examples": "## Examples",
    "parameters": "## Parameters",
    "processes": "## Processes",
    "models": "## GPT-2 and ResNet-50",
}
SIZES = (1.24e8, 1e9, 1e10, 1e11, 1e12)
TOKENS = (1e6, 1e9, 1e13)
DEVICES = (1, 8, 1024)


def write_page(everything: dict[str, Any], folder: Path) -> None:
    """Write ``table.md`` and the figure's files into a folder."""
    lines = ["# How the cost of a product grows\n"]
    for device, found in everything.items():
        lines += _measured(device, found)
    lines += _on_paper()
    (folder / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(everything, folder)


def middle(row: Row, what: str) -> float:
    """Return the median over rounds."""
    return statistics.median(each[what] for each in row["rounds"])


def _measured(device: str, found: dict[str, Any]) -> list[str]:
    rows = list(found["rows"].values())
    if not rows:
        return []
    loads = [each["load"] for row in rows for each in row["rounds"]]
    most = max(len(row["rounds"]) for row in rows)
    lines = [
        f"Measured: {device}, PyTorch {found['torch']}, float32, one thread a process, products on held graphs; "
        f"medians over up to {most} rounds through all sizes (once where processes are of their own). Seconds are the "
        f"processor's (on a GPU the wall's). The machine did other work too, which the wall's seconds show: its load "
        f"was {min(loads):.0f} to {max(loads):.0f}.\n"
    ]
    missing = [each.name for each in cases(found["kind"]) if each.name not in found["rows"]]
    if missing:
        lines.append(f"Not measured yet: {', '.join(missing)}.\n")
    for series, head in HEADS.items():
        chosen = [row for row in rows if row["series"] == series]
        if chosen:
            lines += [head, "", *_TABLES.get(series, _growth)(chosen), ""]
    return lines


def _growth(rows: list[Row]) -> list[str]:
    lines = [
        "| network | parameters | examples | product, s | its wall, s | gradient, s | product / gradient | "
        "Gflop a product | Gflop/s | peak of memory, GB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        product, gradient = middle(row, "product_cpu"), middle(row, "gradient_cpu")
        flops = row["flops_product"]
        cells = (
            f"{product:.3g}", f"{middle(row, 'product_wall'):.3g}", f"{gradient:.3g}", f"{product / gradient:.2f}",
            f"{flops / 1e9:.3g}", f"{flops / product / 1e9:.3g}", _peak(row),
        )  # fmt: skip
        lines.append(f"| {row['network']} | {row['parameters']:,} | {row['examples']:,} | {' | '.join(cells)} |")
    return lines


def _peak(row: Row) -> str:
    """Return the peak of memory of a case that had a process to itself."""
    own = row["series"] == "parameters" and row["size"] >= APART and all("peak_bytes" in each for each in row["rounds"])
    return f"{middle(row, 'peak_bytes') / 1e9:.2f}" if own else ""


def _jobs(rows: list[Row]) -> list[str]:
    lines = [
        "A perceptron, its examples dealt out by gloo over processes of one machine; the slowest process. Sharded: its "
        "parameters dealt out too, by `fully_shard`, and gathered for every product, which then holds no graph.",
        "",
        "| processes | parameters | product, s | its wall, s | peak of memory, MB |",
        "|---:|---|---:|---:|---:|",
    ]
    for row in sorted(rows, key=lambda row: (row["sharded"], row["processes"])):
        cells = (f"{middle(row, 'product_cpu'):.3g}", f"{middle(row, 'product_wall'):.3g}")
        peak = f"{middle(row, 'peak_bytes') / 1e6:,.0f}"
        kind = "sharded" if row["sharded"] else "whole"
        lines.append(f"| {row['processes']} | {kind} | {' | '.join(cells)} | {peak} |")
    return lines


def _models(rows: list[Row]) -> list[str]:
    lines = [
        "| network | parameters | examples | product, s | its wall, s | gradient, s | peak of memory, GB | "
        "operations: gradient / forward | product held / forward | from scratch / forward | top eigenvalue |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        count = f"{row['examples']} of {row['tokens']} tokens" if row["tokens"] else str(row["examples"])
        forward = row.get("flops_forward")
        ratios = ["", "", ""]
        if forward:
            scratch = row["flops_product"] + row["flops_hold"]
            ratios = [f"{each / forward:.2f}" for each in (row["flops_gradient"], row["flops_product"], scratch)]
        top = row.get("top_eigenvalue")
        value = (
            f"{top['value']:.4g} ± {top['residual']:.1g}, {top['matvecs']} products, {top['wall']:.3g} s" if top else ""
        )
        cells = (
            f"{row['parameters']:,}", count, f"{middle(row, 'product_cpu'):.3g}", f"{middle(row, 'product_wall'):.3g}",
            f"{middle(row, 'gradient_cpu'):.3g}", f"{middle(row, 'peak_bytes') / 1e9:.2f}", *ratios, value,
        )  # fmt: skip
        lines.append(f"| {row['network']} | {' | '.join(cells)} |")
    return lines


_TABLES = {"processes": _jobs, "models": _models}


def _on_paper() -> list[str]:
    fits = ", ".join(f"{on_paper.largest_network(count):.2g} on {count:,}" for count in DEVICES)
    hidden = on_paper.tokens_where_exchange_is_hidden(1024)
    most, heads = DEVICES[-1], " | ".join(f"a product on {count:,}" for count in DEVICES)
    lines = [
        "## On paper",
        "",
        f"Nothing here is measured. n weights used in matrix products, T tokens, P devices, {on_paper.VECTORS} vectors "
        f"in the basis, float32. Operations are 2nT for a forward pass, 6nT for a gradient, {on_paper.SCRATCH}nT for a "
        f"product from scratch (attention's own part, which grows with a sequence's length squared, left out); each "
        f"device exchanges 16n(P-1)/P bytes (sum of products; theta and vector gathered), reads 16kn/P bytes to "
        f"orthogonalise, and holds 24n bytes in a product (72n in the first, which is checked in float64) "
        f"and 4kn/P of the basis, activations aside. Assumed of a "
        f"device: {on_paper.RATE / 1e12:.0f}e12 operations a second in float32 without TF32 (60 % of what an H100's "
        f"maker says), {on_paper.LINK / 1e9:.0f} GB/s to others, {on_paper.BANDWIDTH / 1e12:.2f} TB/s to its memory of "
        f"{on_paper.MEMORY / 1e9:.0f} GB; nothing overlaps.",
        "",
        f"| parameters | tokens | {heads} | exchange's share on {most:,} | largest eigenvalue there | "
        f"bytes a device in the first product | basis on {most:,} | bound by |",
        f"|---:|---:|{'---:|' * len(DEVICES)}---:|---:|---:|---:|---|",
    ]
    for n in SIZES:
        for tokens in TOKENS:
            costs = [on_paper.cost(n, tokens, count) for count in DEVICES]
            last = costs[-1]
            cells = (
                *(duration(each.seconds) for each in costs), f"{last.exchange / last.seconds:.1%}",
                duration(on_paper.VECTORS * last.seconds), _bytes(last.first), _bytes(last.vectors),
            )  # fmt: skip
            lines.append(f"| {n:.3g} | {tokens:.0e} | {' | '.join(cells)} | {last.bottleneck} |")
    passes = on_paper.VECTORS * on_paper.SCRATCH / on_paper.GRADIENT
    return [
        *lines,
        "",
        f"- **Memory first.** Parameters, vector, gradient and product are whole in every device during a product, so "
        f"{fits} devices are the most parameters that fit; sharding takes the basis and what is kept between products "
        f"off, not this. Beyond, layers would have to be gathered one at a time in the forward, the backward and both "
        f"passes of the second derivative, which this package does not do: those rows say what it would take.",
        f"- **Then operations.** {on_paper.VECTORS} products cost as much as {passes:.0f} epochs of training on the "
        f"same tokens: on 1e13 nobody takes them. On tokens drawn at random the largest eigenvalue is biased upward, "
        f"and `landscape.solvers.subset_bracket` says between what it lies.",
        f"- **Exchange** takes longer than computing only below {hidden:.1g} tokens on 1,024 devices, whatever the "
        f"size of the network. Orthogonalisation never bounds.",
    ]


def duration(seconds: float) -> str:
    """Return seconds in words."""
    units = ((365.25 * 86400, "years"), (86400, "days"), (3600, "h"), (60, "min"), (1, "s"))
    size, name = next((each for each in units if seconds >= each[0]), (1e-3, "ms"))
    return f"{seconds / size:,.3g} {name}" if seconds / size < 1e4 else f"{seconds / size:.0e} {name}"


def _bytes(count: float) -> str:
    size, name = next((each for each in ((1e12, "TB"), (1e9, "GB")) if count >= each[0]), (1e6, "MB"))
    return f"{count / size:,.3g} {name}"
