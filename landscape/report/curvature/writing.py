"""The files of one minimum's curvature: numbers, figure, page."""

from pathlib import Path
from typing import Any

from landscape.errors import StorageError
from landscape.report.curvature.page import curvature_page
from landscape.report.figures.canvas import save, style
from landscape.report.figures.density import density_figure
from landscape.store import read_json, write_json, write_text

FORMAT = 1


def write_curvature(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write ``hessian.json``, ``figures/`` and ``report.html``, each whole or not at all, and return their paths.

    Args:
        result: What `landscape.study.curvature.curvature` returned.
        folder: Where to; made if it is not there.

    Returns:
        The paths of what was written, the page last.
    """
    paths = [folder / "hessian.json"]
    write_json(paths[0], result)
    if result["density"]:
        with style():
            paths += save(density_figure(result["density"]), folder / "figures")
    else:
        # a figure of an earlier measurement would contradict this one
        for kind in ("pdf", "png", "json"):
            (folder / "figures" / f"spectral_density.{kind}").unlink(missing_ok=True)
    page = folder / "report.html"
    write_text(page, curvature_page(result))
    return [*paths, page]


def rewrite_curvature(folder: Path) -> list[Path]:
    """Return the files written again from a folder's ``hessian.json``, which gives the same bytes.

    Args:
        folder: Where it lies.

    Returns:
        The paths, the page last.

    Raises:
        StorageError: If it cannot be read, or is of another format.
    """
    result = read_json(folder / "hessian.json")
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise StorageError(f"{folder / 'hessian.json'} is not of format {FORMAT}. Type 'landscape hessian' again.")
    return write_curvature(result, folder)
