"""One mutant against tests: a forked process that has torch, but nothing of this package, imported already."""

import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MEMORY = 12 * 2**30
"""Bytes of address space (torch takes several for itself): a mutant may ask for terabytes."""
WALL = 30
"""Seconds by the clock for a second of the processor that is allowed: the machine may be busy."""

SLOW_IMPORTS = (
    "torch", "scipy.stats", "scipy.sparse.linalg", "sklearn.datasets", "matplotlib.pyplot", "plotly.graph_objects",
    "safetensors.torch", "hypothesis", "pytest",
)  # fmt: skip
OPTIONS = ["-q", "-p", "no:cacheprovider", "-m", "not slow and not browser"]
OPTIONS += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
TOLD = "told.jsonl"
BROKEN = 70
"""Exit status of a process that did not come as far as pytest."""


@dataclass(frozen=True)
class Trial:
    """What came of it.

    Attributes:
        outcome: killed, survived or timeout.
        by: The test that failed, or the file that could not be imported.
        why: The last line of its error.
        tests: How many ran.
    """

    outcome: str
    by: str = ""
    why: str = ""
    tests: int = 0


class Chosen:
    """A pytest plugin: only these tests, in this order, and what came of them as lines of JSON."""

    def __init__(self, tests: Iterable[str] | None, path: Path):
        self.tests, self.path = None if tests is None else list(tests), path

    def write(self, *row: str) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def pytest_collection_modifyitems(self, config, items) -> None:
        if self.tests is not None:
            by_name = {item.nodeid: item for item in items}
            items[:] = [by_name[test] for test in self.tests if test in by_name]

    def pytest_collectreport(self, report) -> None:
        if report.failed:
            self.write("failed", report.nodeid, last_line(report))

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed:
            self.write("failed", report.nodeid, last_line(report))
        elif report.when == "call":
            self.write("passed", report.nodeid, "")


def last_line(report) -> str:
    """Return what an error says of itself, in short."""
    lines = [line[1:].strip() for line in report.longreprtext.splitlines() if line.startswith("E ")]
    return (lines[0] if lines else report.longreprtext.strip().rpartition("\n")[2])[:160]


def warm_up() -> None:
    """Import what takes seconds and is not under test."""
    for name in SLOW_IMPORTS:
        importlib.import_module(name)
    sys.modules["torch"].set_num_threads(1)
    assert not any(name.partition(".")[0] == "landscape" for name in sys.modules)


def run(tree: Path, files: list[str], tests: list[str] | None, seconds: float) -> Trial:
    """Return what tests of a tree say of it; all of the files' tests where none are named.

    Args:
        seconds: Of the processor, for the imports too.
    """

    def body() -> int:
        out = os.open(tree / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        enter(tree)
        import pytest

        return pytest.main([*OPTIONS, "-x", *files], plugins=[Chosen(tests, tree / TOLD)])

    return watch(tree, body, seconds)


def run_items(tree: Path, items: list, prepare: Callable[[], None], seconds: float) -> Trial:
    """Return what tests say that are gathered already; ``prepare`` is called before them."""

    def body() -> int:
        prepare()
        for item, following in zip(items, [*items[1:], None], strict=False):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if '["failed"' in (tree / TOLD).read_text():
                return 1
        return 0

    return watch(tree, body, seconds)


def enter(tree: Path) -> None:
    """Make a tree the place that modules come from."""
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path.insert(0, str(tree))


def watch(tree: Path, body: Callable[[], int], seconds: float) -> Trial:
    """Return what came of a body that is run in a forked process, within seconds of the processor."""
    told = tree / TOLD
    told.write_text("")
    child = os.fork()
    if child == 0:
        _child(tree, body, int(seconds) + 1)
    status = _wait(child, time.monotonic() + WALL * seconds)
    rows = [json.loads(line) for line in told.read_text().splitlines()]
    for outcome, test, why in rows:
        if outcome == "failed":
            return Trial("killed", test, why, len(rows))
    if status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL}):
        return Trial("timeout", tests=len(rows))
    if os.WIFSIGNALED(status):
        return Trial("killed", rows[-1][1] if rows else "", f"signal {os.WTERMSIG(status)} after it", len(rows))
    code = os.WEXITSTATUS(status)
    if code == BROKEN:
        raise RuntimeError((tree / "broken.txt").read_text())
    # 5: no test of these was found
    return Trial("survived", tests=len(rows)) if code in {0, 5} else Trial("killed", "", f"pytest ended with {code}")


def _child(tree: Path, body: Callable[[], int], seconds: int) -> None:
    """Run the body and end."""
    code = BROKEN
    try:
        os.setsid()
        used = int(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, used + seconds + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        code = body()
    except BaseException:
        (tree / "broken.txt").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def _wait(child: int, deadline: float) -> int | None:
    """Return how a process ended; None if it had to be ended."""
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            # what the tests started themselves and a mutant left behind
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            return status
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
