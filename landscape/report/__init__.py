"""The report of a run folder: figures, tables, one HTML page; reads files, never imports torch."""

from pathlib import Path

from landscape.errors import UsageError
from landscape.plain_folder import refuse_links_out
from landscape.report.folder import as_written
from landscape.report.terminal import summary

__all__ = ["summary", "write_report"]

_ONE_MINIMUM = ("track", "surface", "hessian", "sharpness")
_READ = ("report.json", "runs", "figures", "surface.npz", *(f"{kind}.json" for kind in _ONE_MINIMUM))


def write_report(folder: Path, venue: str | None = None) -> list[Path]:
    """Return the files written again from a run folder's report.json, of one minimum, a surface, or a training.

    See :func:`landscape.report.writing.write_report`, :func:`landscape.report.curvature.writing.rewrite_curvature`,
    :func:`landscape.report.sharpness.writing.rewrite_sharpness`,
    :func:`landscape.report.surface.writing.rewrite_surface` and
    :func:`landscape.report.tracking.writing.rewrite_track`.

    Args:
        folder: Where it lies.
        venue: For whose text the figures of a study are drawn, see :mod:`landscape.report.figures.venue`.

    Raises:
        UsageError: If a venue is named for what is no study.
        StorageError: If its files are not what this program writes, or lead out of the folder.
    """
    refuse_links_out(folder, *_READ)
    kinds = () if (folder / "report.json").is_file() else _ONE_MINIMUM
    kind = next((each for each in kinds if (folder / f"{each}.json").is_file()), "")
    if kind and venue:
        raise UsageError(f"--style draws the figures of a study; {folder} holds {kind}.json. Leave --style out.")
    with as_written(folder / f"{kind or 'report'}.json", f"landscape {kind or f'relate {folder}'}"):
        return _written(folder, kind, venue)


def _written(folder: Path, kind: str, venue: str | None) -> list[Path]:
    if kind == "track":
        from landscape.report.tracking.writing import rewrite_track

        return rewrite_track(folder)
    if kind == "surface":
        from landscape.report.surface.writing import rewrite_surface

        return rewrite_surface(folder)
    if kind == "hessian":
        from landscape.report.curvature.writing import rewrite_curvature

        return rewrite_curvature(folder)
    if kind == "sharpness":
        from landscape.report.sharpness.writing import rewrite_sharpness

        return rewrite_sharpness(folder)
    from landscape.report.writing import write_report as write  # Matplotlib and plotly, which a summary needs not

    return write(folder, venue)
