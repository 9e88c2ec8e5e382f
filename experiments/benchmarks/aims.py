"""How far this package is ahead, against the ratios that were aimed at before anything was measured."""

import re
from collections.abc import Callable

AIMS: tuple[tuple[str, str, float, Callable[[dict], bool]], ...] = (
    ("top5", "five values, the fastest peer that reaches the tolerance", 2.0, lambda row: _reached(row)),
    ("top5", "five values, PyHessian where it reaches it", 8.0, lambda row: _of("pyhessian", row) and _reached(row)),
    ("top1", "largest value, the fastest peer that certifies it", 4.0, lambda row: _certified(row)),
    ("top1", "largest value, PyHessian's default, which does not", 3.0, lambda row: _default_of("pyhessian", row)),
    ("trace", "trace to 2 %, the fastest peer that reaches it", 10.0, lambda row: _reached(row)),
)


def aims_table(problems: dict) -> list[str]:
    """Return a Markdown table: an aim in each row, a network and number of threads in each column."""
    places = [(name, threads, tasks) for name, each in problems.items() for threads, tasks in each["tables"].items()]
    head = "".join(f" {name}, {threads} thread{'s' * (threads != '1')} |" for name, threads, _ in places)
    lines = [f"| peer's seconds over ours | aim |{head}", "|---|--:|" + "--:|" * len(places)]
    for task, words, aim, counts in AIMS:
        cells = " | ".join(_cell(tasks.get(task, []), counts) for _, _, tasks in places)
        lines.append(f"| {words} | {aim:g} | {cells} |")
    return lines


def _cell(rows: list[dict], counts: Callable[[dict], bool]) -> str:
    ours = next((row["seconds"][0] for row in rows if row["contender"] == "landscape" and "seconds" in row), None)
    peers = [row for row in rows if row["contender"] != "landscape"]
    done = [row["ratio"][0] for row in peers if "ratio" in row and counts(row)]
    if done:
        return f"{min(done):.2f}"
    given_up = [
        float(found[1]) for row in peers if (found := re.match(r"not done after (\d+)", row.get("failure", "")))
    ]
    return f"more than {min(given_up) / ours:.0f}" if given_up and ours else "not run"


def _of(contender: str, row: dict) -> bool:
    return row["contender"] == contender


def _default_of(contender: str, row: dict) -> bool:
    return _of(contender, row) and row["label"].startswith("default")


def _reached(row: dict) -> bool:
    return row["reached"] == row["rounds"]


def _certified(row: dict) -> bool:
    return _reached(row) and "certify" in row["label"]
