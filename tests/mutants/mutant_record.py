"""The record of the trials, and the table that is made of it."""

import json
import platform
import subprocess
from collections import Counter
from importlib.metadata import version
from pathlib import Path

RECORD = Path(__file__).parent / "record.json"
REASONS = Path(__file__).parent / "reasons.json"
NAMES = ("file", "line", "column", "operator", "occurrence", "digest")


def read_rows(path: Path) -> dict[tuple, dict]:
    """Return the last row of each mutant."""
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    return {tuple(row[name] for name in NAMES): row for row in rows}


def versions(root: Path) -> dict[str, str]:
    """Return what a sample depends on."""
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=root, check=True, stdout=subprocess.PIPE)
    names = {name: version(name) for name in ("cosmic-ray", "coverage", "pytest", "torch")}
    return {"commit": commit.stdout.decode().strip(), "python": platform.python_version()} | names


def write_record(drawn, rows, checked): ...
def write_table(path): ...
