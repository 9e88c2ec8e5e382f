"""The files on the measures of one minimum: numbers, tables, page."""

from pathlib import Path
from typing import Any

from landscape.errors import StorageError
from landscape.report.latex_tables import latex_document
from landscape.report.sharpness import tables
from landscape.report.sharpness.page import sharpness_page
from landscape.report.table_formats import markdown_document
from landscape.store import read_json, write_json, write_text

FORMAT = 1


def write_sharpness(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write ``sharpness.json``, ``table.md``, ``table.tex`` and ``report.html``, each whole or not at all.

    Args:
        result: What `landscape.study.sharpness.sharpness` returned, with the environment.
        folder: Where to; made if it is not there.

    Returns:
        The paths of what was written, the page last.
    """
    every = (tables.measurements(result, names=False), tables.layers(result), tables.verification(result))
    made = [table for table in every if table.rows]
    notes = [f"{names}: {text}" for names, text in tables.cannot_see(result)]
    texts = {
        "table.md": markdown_document(made, tables.title(result), [*result["warnings"], *notes]),
        "table.tex": latex_document(made, tables.title(result)),
        "report.html": sharpness_page(result),
    }
    write_json(folder / "sharpness.json", result)
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / "sharpness.json", *(folder / name for name in texts)]


def rewrite_sharpness(folder: Path) -> list[Path]:
    """Return the files written again from a folder's ``sharpness.json``, which gives the same bytes.

    Args:
        folder: Where it lies.

    Returns:
        The paths, the page last.

    Raises:
        StorageError: If it cannot be read, or is of another format.
    """
    result = read_json(folder / "sharpness.json")
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise StorageError(f"{folder / 'sharpness.json'} is not of format {FORMAT}. Type 'landscape sharpness' again.")
    return write_sharpness(result, folder)
