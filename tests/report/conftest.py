"""Reports that are written once and looked at by many tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_variants import VARIANTS

from landscape.report import write_report


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, list[Path]]]:
    """Return a function from a variant's name to its folder and the files that write_report says it wrote."""
    done: dict[str, tuple[Path, list[Path]]] = {}

    def write(name: str) -> tuple[Path, list[Path]]:
        if name not in done:
            folder = VARIANTS[name](tmp_path_factory.mktemp(name))
            done[name] = folder, write_report(folder)
        return done[name]

    return write


@pytest.fixture(scope="session")
def plotted(written: Callable[[str], tuple[Path, list[Path]]]) -> Callable[[str, str], Any]:
    """Return a function from a variant and a figure to the numbers in the figure's JSON."""

    def numbers(name: str, figure: str) -> Any:
        folder, _ = written(name)
        return json.loads((folder / "figures" / f"{figure}.json").read_text(encoding="utf-8"))["numbers"]

    return numbers
