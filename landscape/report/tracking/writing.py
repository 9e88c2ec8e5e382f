"""The files of a tracked training: numbers, figure, page."""

from pathlib import Path
from typing import Any

from landscape.errors import StorageError
from landscape.report.figures.canvas import save, style
from landscape.report.figures.track import track_figure
from landscape.report.tracking.page import track_page
from landscape.store import read_json, write_json, write_text

FORMAT = 1


def write_track(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write ``track.json``, ``figures/track.*`` and ``report.html``, each whole or not at all.

    Args:
        result: What `landscape.study.track.track` returned.
        folder: The run folder.

    Returns:
        The paths of what was written, the page last.
    """
    paths = [folder / "track.json"]
    write_json(paths[0], result)
    with style():
        paths += save(track_figure(result), folder / "figures")
    page = folder / "report.html"
    write_text(page, track_page(result))
    return [*paths, page]


def rewrite_track(folder: Path) -> list[Path]:
    """Return the files written again from a folder's ``track.json``, which gives the same bytes; the page is last.

    Args:
        folder: Where it lies.

    Raises:
        StorageError: If it cannot be read, or is of another format.
    """
    result = read_json(folder / "track.json")
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise StorageError(f"{folder / 'track.json'} is not of format {FORMAT}. Type 'landscape track' again.")
    return write_track(result, folder)
