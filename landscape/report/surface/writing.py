"""The files of one surface: numbers, arrays, figures, page, and what other programs read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from landscape.errors import StorageError
from landscape.report.figures.canvas import save, style
from landscape.report.surface.animation import write_gif, write_mp4
from landscape.report.surface.export import FORMATS, write_csv, write_vtk
from landscape.report.surface.extra_figures import extra_figures
from landscape.report.surface.figures import surface_figures
from landscape.report.surface.grids import Grids
from landscape.report.surface.page import surface_page
from landscape.store import read_arrays, read_json, write_arrays, write_json, write_text

FORMAT = 1
WRITERS = {"csv": write_csv, "vtk": write_vtk, "gif": write_gif, "mp4": write_mp4}


def write_surface(
    result: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]], folder: Path, formats: Sequence[str] = ()
) -> list[Path]:
    """Write ``surface.npz``, ``surface.json``, ``figures/`` and ``report.html``, each whole or not at all.

    Args:
        result: What `landscape.study.surface.surface` returned, with its environment.
        arrays: Its arrays.
        folder: Where to; made if it is not there.
        formats: Any of ``csv`` and ``vtk`` too, and of a trajectory ``gif`` and ``mp4``.

    Returns:
        The paths of what was written, the page last.
    """
    paths = [folder / "surface.npz", folder / "surface.json"]
    write_arrays(paths[0], arrays)
    write_json(paths[1], result)
    grids = Grids(result, arrays)
    pictures: list[Path] = []
    with style():
        for name, write in WRITERS.items():
            if name in formats:
                paths.append(folder / FORMATS[name])
                write(grids, paths[-1])
        for drawing in [*surface_figures(grids), *extra_figures(grids)]:
            pictures += save(drawing, folder / "figures")
    page = folder / "report.html"
    write_text(page, surface_page(grids, pictures))
    return [*paths, *pictures, page]


def rewrite_surface(folder: Path) -> list[Path]:
    """Return the files written again from a folder's ``surface.json`` and ``surface.npz``.

    Args:
        folder: Where they lie.

    Raises:
        StorageError: If they cannot be read, or are of another format.
    """
    result = read_json(folder / "surface.json")
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise StorageError(f"{folder / 'surface.json'} is not of format {FORMAT}. Type 'landscape surface' again.")
    there = [name for name, file in FORMATS.items() if (folder / file).exists()]
    return write_surface(result, read_arrays(folder / "surface.npz"), folder, there)
