"""The trials of a sample, in stages: few short tests first, then all that run the line, then their files."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from mutant_cover import Covering
from mutant_places import Mutant, mutated
from mutant_trial import Trial, run, warm_up

FIRST = 6.0
"""Seconds of tests in the first stage, which kills most."""
FILE = 0.5
"""Seconds that one more file of tests counts."""


def stages(covering: Covering, tests: list[str], budget: float) -> Iterator[tuple[str, list[str], float]]:
    """Yield names, tests and their seconds: a first part, the rest as far as the budget goes, whole files."""
    parts: dict[str, list[str]] = {"first": [], "rest": [], "files": []}
    spent, files = dict.fromkeys(parts, 0.0), set()
    for test in tests:
        file = test.partition("::")[0]
        cost = covering.seconds[test] + FILE * (file not in files)
        part = "first" if not parts["first"] or (not parts["rest"] and spent["first"] + cost <= FIRST) else "rest"
        if part == "first" or spent["rest"] + cost <= budget:
            parts[part].append(test)
            spent[part] += cost
            files.add(file)
    # a fixture of a module counts as run by its first test only, what is cached likewise
    done = {*parts["first"], *parts["rest"]}
    for test in sorted(covering.seconds, key=covering.seconds.__getitem__):
        fits = spent["files"] + covering.seconds[test] <= budget
        if fits and test.partition("::")[0] in files and test not in done:
            parts["files"].append(test)
            spent["files"] += covering.seconds[test]
    yield from ((name, part, spent[name]) for name, part in parts.items() if part)


def by_file(tests: list[str]) -> tuple[list[str], list[str]]:
    """Return the files in order of their first test, and the tests in that order."""
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    place = {file: position for position, file in enumerate(files)}
    return files, sorted(tests, key=lambda test: place[test.partition("::")[0]])


def attempt(tree: Path, mutant: Mutant, covering: Covering, budget: float, also: list[str]) -> dict:
    """Return a row of the record: what came of one mutant.

    Args:
        also: Files of tests that are newer than the coverage; they alone are run.
    """
    path, start = tree / mutant.file, time.monotonic()
    original = path.read_text(encoding="utf-8")
    tests = covering.of(mutant.file, original, mutant.line)
    last, stage, ran = Trial("survived"), "", 0
    plan = [("added", None, 60.0)] if also else stages(covering, tests, budget)
    try:
        path.write_text(mutated(original, mutant), encoding="utf-8")
        change = _change(original, path.read_text(encoding="utf-8"))
        for name, part, seconds in plan:
            files, ordered = (also, None) if part is None else by_file(part)
            stage, last = name, run(tree, files, ordered, 20 + 2 * len(files) + 1.5 * seconds)
            ran += last.tests
            if last.outcome != "survived":
                break
    finally:
        path.write_text(original, encoding="utf-8")
    found = {"covering": len(tests), "stage": stage, **asdict(last), "tests": ran}
    return {**asdict(mutant), **change, **found, "seconds": round(time.monotonic() - start, 1)}


def _change(before: str, after: str) -> dict[str, str]:
    """Return the lines that differ."""
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return {"before": "\n".join(line.strip() for line in old), "after": "\n".join(line.strip() for line in new)}


@contextmanager
def own_copy(root: Path, commit: str, today: bool) -> Iterator[Path]:
    """Give a copy of a commit, with today's tests if asked; compiled to see changes by content, not by time."""
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        tree.mkdir()
        archive = subprocess.run(["git", "archive", commit], cwd=root, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", str(tree)], input=archive, check=True)
        if today:
            shutil.copytree(root / "tests", tree / "tests", dirs_exist_ok=True)
        command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "landscape"]
        subprocess.run(command, cwd=tree, check=True)
        yield tree


def work(root: Path, commit: str, mutants: list[Mutant], folder: Path, budget: float, also: list[str]) -> None:
    """Try mutants one after another in a copy of the tree; add a line to rows.jsonl of the folder for each."""
    warm_up()
    covering = Covering(folder)
    with own_copy(root, commit, bool(also)) as tree:
        for position, mutant in enumerate(mutants):
            row = attempt(tree, mutant, covering, budget, also)
            with (folder / "rows.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
            told = f"{row['outcome']} {mutant.file}:{mutant.line} {row['seconds']} s"
            print(f"{os.getpid()} {position + 1}/{len(mutants)} {told}", flush=True)
