"""Which tests run a line, and how long each takes: coverage.py with a context for each test, and a pytest plugin."""

import ast
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from mutant_record import PACKAGES

SECONDS = "MUTANTS_SECONDS"
"""Environment variable: the file that the plugin writes durations to."""


def pytest_runtest_logreport(report) -> None:
    """Write down how long a part of a test took (the processes of xdist write nothing: the first one does)."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        with Path(os.environ[SECONDS]).open("a") as file:
            file.write(json.dumps([report.nodeid, report.duration]) + "\n")


def cover(folder: Path, name: str, arguments: list[str]) -> int:
    """Run tests once under coverage; what they ran is kept in the folder under a name."""
    data = (folder / name).resolve()
    data.mkdir(parents=True)
    settings = data / "coveragerc"
    settings.write_text("[run]\nsource =\n" + "".join(f"    landscape/{package}\n" for package in PACKAGES))
    environment = os.environ | {
        "COVERAGE_FILE": str(data / "coverage"),
        SECONDS: str(data / "seconds.jsonl"),
        "PYTHONPATH": str(Path(__file__).parent),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "mutant_cover", "--cov", f"--cov-config={settings}"]
    command += ["--cov-context=test", "--cov-report=", "-m", "not slow and not browser", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


class Covering:
    """The tests that run a line, from all that was kept in a folder."""

    def __init__(self, folder: Path):
        import coverage

        self.seconds: dict[str, float] = defaultdict(float)
        self.tests: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.imported: dict[str, set[int]] = defaultdict(set)
        for data in sorted(folder.glob("*/coverage")):
            self._read_seconds(data.with_name("seconds.jsonl"))
            kept = coverage.CoverageData(str(data))
            kept.read()
            for file in kept.measured_files():
                self._read_lines(file, kept.contexts_by_lineno(file))

    def _read_seconds(self, path: Path) -> None:
        for line in path.read_text().splitlines():
            test, seconds = json.loads(line)
            self.seconds[test] += seconds

    def _read_lines(self, file: str, contexts: dict[int, list[str]]) -> None:
        # the package's folder may itself lie in one of this name
        file = "landscape/" + file.rsplit("landscape/", 1)[1]
        for line, tests in contexts.items():
            self.tests[file][line] |= {test.rpartition("|")[0] for test in tests if test}
            if "" in tests:
                self.imported[file].add(line)

    def of(self, file: str, text: str, line: int) -> list[str]:
        """Return the tests that run a line's statement, the shortest first; of what runs at import, the file's."""
        lines = statement(text, line)
        found = set().union(*(self.tests[file][each] for each in lines))
        if not found and self.imported[file] & set(lines):
            found = set().union(*self.tests[file].values())
        return sorted(found & self.seconds.keys(), key=lambda test: (self.seconds[test], test))

    def at_import(self, file: str, text: str, line: int) -> bool:
        """Return whether a line's statement runs while modules are imported."""
        return bool(self.imported[file] & set(statement(text, line)))


def statement(text: str, line: int) -> range:
    """Return the lines of the innermost statement around a line; of one that has a body, those before the body."""
    best = range(line, line + 1)
    size = None
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.stmt | ast.ExceptHandler) or isinstance(node, ast.Match):
            continue
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        body = getattr(node, "body", None)
        last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno
        if first <= line <= last and (size is None or last - first < size):
            best, size = range(first, last + 1), last - first
    return best
