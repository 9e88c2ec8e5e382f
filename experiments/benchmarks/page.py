"""docs/benchmarks.md from results.json; nothing in the page is typed by hand.

python experiments/benchmarks/page.py
"""

import json
from pathlib import Path

from aims import aims_table
from environments import CONTENDERS, HERE

TITLES = {
    "product": "One Hessian-vector product",
    "top1": "Largest eigenvalue, relative error 1e-3",
    "top5": "Five largest eigenvalues, relative error 1e-3",
    "trace": "Trace, standard error 2 %",
    "density": "Spectral density, one probe",
}
HEAD = "| package | setting | seconds | times ours | products | gradients | relative error | certifies | memory |"


def write_page(results: Path, page: Path) -> None:
    """Write the page."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(json.loads(results.read_text(encoding="utf-8"))), encoding="utf-8")


def render(results: dict) -> str:
    """Return the page as Markdown."""
    machine = results["machine"]
    lines = ["# Benchmarks", "", "<!-- made by experiments/benchmarks/page.py from results.json -->", ""]
    lines += [_READING, "", "## Where and with what", ""]
    lines += [
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}. Command: `{results['command']}`.",
        "",
        f"{results['rows']} rows. With one thread, wall-clock seconds were {results['waiting'][0]:.2f} times the "
        f"processor's (median; quartiles {results['waiting'][1]:.2f} and {results['waiting'][2]:.2f}): what is above 1 "
        f"is time that other processes took.",
        "",
        "| package | version |",
        "|---|---|",
        *(f"| {name} | {number} |" for name, number in results["versions"].items()),
    ]
    lines += ["", "## What was aimed at", "", *aims_table(results["problems"]), "", _AIMS]
    for name, problem in results["problems"].items():
        lines += _problem(name, problem)
    lines += ["", "## What did not work", "", _FAILED]
    return "\n".join(lines) + "\n"


_READING = """\
Every row is a process of its own; contenders take turns within a round, and a ratio is that of two times of one round.
Seconds: median over rounds (quartiles), from the construction of the package's object to its answer, set-up included;
with one thread the processor's, so that other processes on the machine do not count, with more the wall clock's.
*Times ours*: the row's seconds over this package's in the same round, median (least to most). *Gradients*: the seconds
in units of one gradient of the same loss in plain PyTorch in the same process. *Products*: counted by wrapping the
package's own function (a block counts its columns); an exact trace makes none. *Relative error*: against the
reference, the worst of the values asked for; bold where the tolerance was missed. *Certifies*: what the package itself
says of its error. *Memory*: largest resident size beyond that of loading the problem and one gradient. Numbers of steps
and probes, and the options of ARPACK, that a user could not know are given to the peers from the reference, and tuning
them costs them nothing here."""


_AIMS = """\
Where all peers were given up, the ratio is of the seconds by the clock after which they were. What keeps a ratio below
its aim is arithmetic: a product of ours costs what a held linearisation must, that of a peer 1.4 to 3.6 times as
much, and certified values need as many of them; see the last section."""


_FAILED = """\
- The tolerance of this package is on residuals, which certify; an error of 1e-3 is there two or three products earlier,
  known from the reference (the rows of hessian-eigenthings with its best number of steps). Stopping on the Kato-Temple
  bound gives them back, and was wrong in 4 of 100 runs on small networks.
- ResNet-20 leaves less to gain: a product on a held graph is at its floor of 2 gradients where the peers take 3.3 to
  4.8, and certified residuals need as many products as theirs. Beyond its products a search takes 5 gradients for one
  value and 8 for five: graphs, the check of the kinds of products, first uses of the library, orthogonalisation; these
  were not measured apart.
- A check for repeated eigenvalues costs some ln(n) products in the complement and more, as many as five
  eigenvalues take; above 2,000 parameters it is left to `verify=True`, and the result says so.
- Block Lanczos, starts from a part of the examples and starts along the gradient saved no products worth their cost.
- Images with their channels last are faster in single convolutions, not in a whole product: cotangents come back in
  the other layout and are copied. Only the gradient by the weights of a layer with one channel is computed so.
- Boolean masks for ReLU take a quarter of the memory and twice the time of PyTorch's kernel.
- An allocator that gives no memory back to the system changed nothing."""


def _problem(name: str, problem: dict) -> list[str]:
    reference, batches = problem["reference"], ", ".join(map(str, problem["batches"]))
    shape = "x".join(map(str, problem["shape"]))
    values = ", ".join(f"{each:.5g}" for each in reference["eigenvalues"][:5])
    lines = ["", f"## {name}", ""]
    if "note" in problem:
        lines += [problem["note"], ""]
    lines.append(
        f"{reference['parameters']:,} parameters, {problem['examples']:,} images {shape} ({problem['dataset']}) in "
        f"batches of {batches}, cross-entropy, float32. Reference: eigenvalues {values} (each within "
        f"{max(reference['bounds'][:5]):.0e}), trace {reference['trace']:.6g} (from 48 random probes "
        f"{reference['probes']['mean']:.4g} ± {reference['probes']['deviation'] / 48**0.5:.2g})."
    )
    for threads, tasks in problem["tables"].items():
        plural = "thread" if threads == "1" else "threads"
        lines += ["", f"### {name}, {threads} {plural}", "", _paragraph(problem["floor"], tasks)]
        for task, title in TITLES.items():
            if task in tasks:
                lines += ["", f"**{title}**", "", HEAD, "|---" * 9 + "|", *map(_line, tasks[task])]
        lines += ["", _first_use(tasks)]
    return lines


def _first_use(tasks: dict) -> str:
    """Return what each package's first product in a process takes, which no time above contains."""
    rows = [row for task in tasks.values() for row in task if "first_use" in row]
    costs = {CONTENDERS[row["contender"]].title: row["first_use"][0] for row in rows}
    words = ", ".join(f"{title} {cost:.1f} s" for title, cost in costs.items())
    return f"First product in a process, on a tiny network (PyTorch's lazy imports), not in the times above: {words}."


def _paragraph(floor: dict, tasks: dict) -> str:
    """Return what the numbers say of the arithmetic floor, and of us against the fastest peer that is right."""
    text = (
        f"By arithmetic a product costs {floor['product']:.2f} gradients, and {floor['held']:.2f} on a held "
        f"linearisation ({floor['multiplications']:,} multiplications an example forward)."
    )
    ours = [row for row in tasks.get("product", []) if row["contender"] == "landscape" and "seconds" in row]
    if ours:
        cost = ours[0]["gradients"][0]
        text += f" Ours takes {cost:.2f} gradients, {cost / floor['held']:.2f} times the floor."
    for task in ("top1", "top5", "trace"):
        text += _sentence(task, floor, tasks.get(task, []))
    return text


def _sentence(task: str, floor: dict, rows: list[dict]) -> str:
    done = [row for row in rows if "seconds" in row]
    ours = [row for row in done if row["contender"] == "landscape"]
    peers = [row for row in done if row["contender"] != "landscape" and row["reached"] == row["rounds"]]
    if not ours:
        return ""
    text = f" {TITLES[task].split(',')[0]}: ours takes {ours[0]['gradients'][0]:.1f} gradients"
    least = ours[0]["products"][0] * floor["held"]
    text += (
        f" (its {ours[0]['products'][0]:.0f} products by arithmetic: {least:.1f})" if least and task != "trace" else ""
    )
    if not peers:
        return f"{text}; no peer reached the tolerance."
    best = min(peers, key=lambda row: row["seconds"][0])
    ratio = f", {best['ratio'][0]:.2f} times ours" if "ratio" in best else ""
    title = CONTENDERS[best["contender"]].title
    return f"{text}; the fastest peer that reached the tolerance is {title} ({best['label']}){ratio}."


def _line(row: dict) -> str:
    title = CONTENDERS[row["contender"]].title
    if "failure" in row:
        failed = "" if row["failure"].startswith("not done") else "failed: "
        return f"| {title} | {row['label']} | {failed}{row['failure']} | | | | | | |"
    cells = [title, row["label"], _spread(row["seconds"], row["rounds"]), _ratio(row), _products(row)]
    cells += [f"{row['gradients'][0]:.3g}", _error(row), _certificate(row), _memory(row)]
    return "| " + " | ".join(cells) + " |"


def _spread(values: list[float], rounds: int) -> str:
    return f"{values[0]:.3g} ({values[1]:.3g} to {values[2]:.3g})" if rounds > 1 else f"{values[0]:.3g} (one round)"


def _range(values: list[float]) -> str:
    return f"{values[0]:.0f}" if values[1] == values[2] else f"{values[0]:.0f} ({values[1]:.0f} to {values[2]:.0f})"


def _products(row: dict) -> str:
    passes = row.get("passes", [0.0])[0]
    return _range(row["products"]) + (f", {passes:.0f} backward passes" if passes else "")


def _ratio(row: dict) -> str:
    if "ratio" not in row:
        return ""
    middle, least, most = (f"{each:.2f}" for each in row["ratio"])
    return middle if row["rounds"] == 1 else f"{middle} ({least} to {most})"


def _error(row: dict) -> str:
    if "relative_error" not in row:
        return ""
    text = f"{row['relative_error'][0]:.1e}"
    if "trace_error" in row:
        text += f" at the edge, {row['trace_error'][0]:.1e} in the trace"
    if row.get("standard_error", [0.0])[0] > 1e-6:
        text += f" (standard error {row['standard_error'][0]:.1%})"
    if 0 < row["reached"] < row["rounds"]:
        text += f", reached in {row['reached']} of {row['rounds']} rounds"
    return text if row["reached"] == row["rounds"] else f"**{text}**"


def _certificate(row: dict) -> str:
    honest = row["bound_holds"] or "not converged" in row["certificate"]
    return row["certificate"] + ("" if honest else ", **exceeded by the true error**")


def _memory(row: dict) -> str:
    return f"{row['extra_memory'][0] / 2**20:.0f} MiB" if "extra_memory" in row else ""


if __name__ == "__main__":
    write_page(HERE / "results.json", HERE.parents[1] / "docs" / "benchmarks.md")
