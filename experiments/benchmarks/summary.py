"""Raw rows to medians, quartiles, and ratios to this package in the same round."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
from environments import CONTENDERS
from floor import floor_of
from problems import RECIPES, load

OURS = "landscape"


def summarise(measured: list[dict], references: dict, command: str) -> dict:
    """Return everything that the page is made from."""
    tables: dict[str, dict] = {}
    for row in measured:
        place = tables.setdefault(row["problem"], {}).setdefault(str(row["threads"]), {})
        place.setdefault(row["key"][1], {}).setdefault(" / ".join(row["key"]), []).append(row)
    problems = {}
    for name, by_threads in tables.items():
        tasks = {
            threads: {task: _rows(slots) for task, slots in by_task.items()} for threads, by_task in by_threads.items()
        }
        problems[name] = _problem(name, references.get(name)) | {"tables": tasks}
    return {
        "command": command.strip(),
        "machine": machine(),
        "versions": versions(),
        "rows": len(measured),
        "waiting": _waiting(measured),
        "problems": problems,
    }


def machine() -> dict:
    """Return the processor, its cores and the memory."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model[1] if model else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Return the versions of everyone, as installed."""
    found = {name: version(name) for name in ("torch", "numpy", "scipy")}
    found["landscape"] = version("landscape")
    return found | dict(each.package.split("==") for each in CONTENDERS.values() if each.package)


def _problem(name: str, reference: dict | None) -> dict:
    loaded, recipe = load(name), RECIPES[name]
    kept = {key: value for key, value in (reference or {}).items() if key != "krylov"}
    return {
        "network": recipe.network,
        "dataset": loaded.dataset,
        "shape": list(recipe.shape),
        "examples": len(loaded.x),
        "batches": loaded.sizes,
        "floor": floor_of(loaded),
        "reference": kept,
    }


def _rows(slots: dict[str, list[dict]]) -> list[dict]:
    """Return one summary for each setting of a task, this package first, then by seconds, failures last."""
    ours = [rows for rows in slots.values() if rows[0]["key"][0] == OURS]
    own = {row["round"]: row["result"] for row in ours[0]} if ours else {}
    rows = [_row(each, own) for each in [*ours[:1], *(each for each in slots.values() if each not in ours[:1])]]
    fastest = _fastest_of_groups(rows)
    kept = [row for row in rows if not row["group"] or row is fastest.get((row["contender"], row["group"]))]
    # what the others are compared with is our first row, the one on the batches as given
    return sorted(kept, key=lambda row: (row is not rows[0], row["contender"] != OURS, row.get("seconds", [np.inf])[0]))


def _fastest_of_groups(rows: list[dict]) -> dict:
    """Return the row of each group that is shown: the fastest that reached, else the most exact, else any."""

    def rank(row: dict) -> tuple:
        if "seconds" not in row:
            return (2, 0.0)
        reached = row["reached"] == row["rounds"]
        return (0, -row["rounds"], row["seconds"][0]) if reached else (1, row.get("relative_error", [0.0])[0])

    best: dict = {}
    for row in sorted(rows, key=rank):
        best.setdefault((row["contender"], row["group"]), row)
    return best


def _row(rows: list[dict], own: dict) -> dict:
    done = [row for row in rows if "failure" not in row["result"]]
    contender, task, _ = rows[0]["key"]
    summary = {"contender": contender, "label": rows[0]["label"], "group": rows[0]["group"], "rounds": len(done)}
    if not done:
        return summary | {"failure": rows[0]["result"]["failure"]}
    results = [row["result"] for row in done]
    summary |= {name: _quartiles([each[name] for each in results]) for name in ("seconds", "products")}
    summary["gradients"] = _quartiles([each["seconds"] / each["gradient"] for each in results])
    if task == "product":
        summary["gradients"] = _quartiles([each["ratio"] for each in results])
    for name in ("relative_error", "standard_error", "trace_error", "extra_memory", "first_use", "wall", "passes"):
        known = [each[name] for each in results if each.get(name) is not None]
        if known:
            summary[name] = _quartiles(known)
    summary["reached"] = sum(bool(each.get("reached")) for each in results)
    summary["certificate"] = results[0].get("certificate", "")
    summary["bound_holds"] = all(each.get("bound_holds", True) for each in results)
    pairs = [(row["result"], own[row["round"]]) for row in done if "seconds" in own.get(row["round"], {})]
    if pairs:
        ratios = [each["seconds"] / mine["seconds"] for each, mine in pairs]
        summary["ratio"] = [float(np.median(ratios)), min(ratios), max(ratios)]
    return summary


def _waiting(measured: list[dict]) -> list[float]:
    """Return wall-clock over processor seconds of the rows with one thread."""
    results = [row["result"] for row in measured if row["threads"] == 1]
    ratios = [each["wall"] / each["seconds"] for each in results if "wall" in each]
    return _quartiles(ratios) if ratios else [1.0, 1.0, 1.0]


def _quartiles(values: list[float]) -> list[float]:
    return [float(each) for each in np.quantile(values, [0.5, 0.25, 0.75])]
