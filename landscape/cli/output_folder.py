"""A folder for results, refused before they are computed if they cannot go there."""

import os
from pathlib import Path

from landscape.errors import StorageError, UsageError


def check_output(out: Path | None) -> None:
    """Refuse a folder that the results cannot go into, before they are computed."""
    if out is None:
        return
    if (out / "study.toml").exists():
        raise UsageError(f"{out} holds a study, whose report would be overwritten. Choose another folder with --out.")
    if out.exists() and not out.is_dir():
        raise StorageError(f"{out} is a file. Choose a folder with --out.")
    there = next((path for path in (out, *out.absolute().parents) if path.exists()), Path("/"))
    if not os.access(there, os.W_OK):
        raise StorageError(f"Cannot write to {there}. Choose another folder with --out.")
