"""The trials of a sample, in stages: few short tests first, then all that run the line, then their files."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from mutant_cover import Covering
from mutant_patch import patch
from mutant_places import Mutant, mutated
from mutant_trial import OPTIONS, TOLD, Chosen, Trial, enter, run, run_items, warm_up

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


Runner = Callable[[list[str] | None, float], Trial]
"""From names of tests (all of the new files' where None) and their seconds to what came of them."""


def attempt(tree: Path, mutant: Mutant, plan: Iterable[tuple[str, list[str] | None, float]], runner: Runner) -> dict:
    """Return a row of the record: what came of one mutant, its file changed while the stages of the plan run."""
    path, start = tree / mutant.file, time.monotonic()
    original = path.read_text(encoding="utf-8")
    last, stage, ran = Trial("survived"), "", 0
    try:
        path.write_text(mutated(original, mutant), encoding="utf-8")
        change = _change(original, path.read_text(encoding="utf-8"))
        for name, part, seconds in plan:
            stage, last = name, runner(part, seconds)
            ran += last.tests
            if last.outcome != "survived":
                break
    finally:
        path.write_text(original, encoding="utf-8")
    found = {"stage": stage, **asdict(last), "tests": ran}
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
            # markers that today's tests carry
            shutil.copy(root / "setup.cfg", tree)
        command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "landscape"]
        subprocess.run(command, cwd=tree, check=True)
        yield tree


@dataclass(frozen=True)
class Work:
    """What a process does: mutants one after another in its own copy of a commit, a row for each.

    Attributes:
        also: Files of tests that are newer than the coverage; they alone are run.
    """

    root: Path
    commit: str
    folder: Path
    budget: float
    also: list[str]

    def fresh(self, mutants: list[Mutant]) -> None:
        """Import the package again for each."""
        warm_up()
        covering = Covering(self.folder)
        with own_copy(self.root, self.commit, bool(self.also)) as tree:

            def runner(tests: list[str] | None, seconds: float) -> Trial:
                files, ordered = (self.also, None) if tests is None else by_file(tests)
                return run(tree, files, ordered, 20 + 2 * len(files) + 1.5 * seconds)

            for mutant in mutants:
                tests = covering.of(mutant.file, (tree / mutant.file).read_text(encoding="utf-8"), mutant.line)
                self._add(attempt(tree, mutant, self._plan(covering, tests), runner))

    def patched(self, mutants: list[Mutant]) -> None:
        """Import the package and gather the tests once; then change functions where they are.

        What cannot be decided so has the outcome "open".
        """
        covering = Covering(self.folder)
        with own_copy(self.root, self.commit, bool(self.also)) as tree:
            enter(tree)
            import pytest

            files = self.also or sorted({test.partition("::")[0] for test in covering.seconds})
            loop = Loop(lambda items: self._all_patched(tree, covering, mutants, items))
            code = pytest.main([*OPTIONS, *files], plugins=[Chosen(None, tree / TOLD), loop])
            if code:
                raise SystemExit(f"gathering the tests ended with {code}")

    def _all_patched(self, tree: Path, covering: Covering, mutants: list[Mutant], items: list) -> None:
        by_name = {item.nodeid: item for item in items}
        for mutant in mutants:
            path = tree / mutant.file
            before = path.read_text(encoding="utf-8")
            after = mutated(before, mutant)
            tests = covering.of(mutant.file, before, mutant.line)
            prepare = partial(patch_or_leave, before, after, str(path))
            if run_items(tree, [], prepare, 60).outcome != "survived":
                self._add(attempt(tree, mutant, [], _open) | {"outcome": "open"})
                continue

            def runner(names: list[str] | None, seconds: float, prepare=prepare) -> Trial:
                chosen = items if names is None else [by_name[name] for name in by_file(names)[1] if name in by_name]
                return run_items(tree, chosen, prepare, 20 + 1.5 * seconds)

            row = attempt(tree, mutant, self._plan(covering, tests), runner)
            again = row["outcome"] == "survived" and covering.at_import(mutant.file, before, mutant.line)
            self._add(row | {"outcome": "open"} if again else row)

    def _plan(self, covering: Covering, tests: list[str]) -> Iterable[tuple[str, list[str] | None, float]]:
        return [("added", None, 60.0)] if self.also else stages(covering, tests, self.budget)

    def _add(self, row: dict) -> None:
        with (self.folder / "rows.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")


def patch_or_leave(before: str, after: str, path: str) -> None:
    """Change the functions, or end the process as one that cannot be decided."""
    if not patch(before, after, path):
        os._exit(1)


def _open(tests: list[str] | None, seconds: float) -> Trial:
    return Trial("survived")


class Loop:
    """A pytest plugin: something else is done with the tests that were gathered."""

    def __init__(self, function: Callable[[list], None]):
        self.function = function

    def pytest_runtestloop(self, session) -> bool:
        self.function(session.items)
        return True
