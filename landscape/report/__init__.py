"""The report of a run folder: figures, tables, one HTML page; reads files, never imports torch."""

from pathlib import Path

from landscape.report.terminal import summary

__all__ = ["summary", "write_report"]


def write_report(folder: Path) -> list[Path]:
    """Return the files written again from a run folder's report.json, of one minimum, a surface, or a training.

    See :func:`landscape.report.writing.write_report`, :func:`landscape.report.curvature.writing.rewrite_curvature`,
    :func:`landscape.report.sharpness.writing.rewrite_sharpness`,
    :func:`landscape.report.surface.writing.rewrite_surface` and
    :func:`landscape.report.tracking.writing.rewrite_track`.
    """
    if (folder / "track.json").is_file() and not (folder / "report.json").is_file():
        from landscape.report.tracking.writing import rewrite_track

        return rewrite_track(folder)
    if (folder / "surface.json").is_file() and not (folder / "report.json").is_file():
        from landscape.report.surface.writing import rewrite_surface

        return rewrite_surface(folder)
    if (folder / "hessian.json").is_file() and not (folder / "report.json").is_file():
        from landscape.report.curvature.writing import rewrite_curvature

        return rewrite_curvature(folder)
    if (folder / "sharpness.json").is_file() and not (folder / "report.json").is_file():
        from landscape.report.sharpness.writing import rewrite_sharpness

        return rewrite_sharpness(folder)
    from landscape.report.writing import write_report as write  # Matplotlib and plotly, which a summary needs not

    return write(folder)
