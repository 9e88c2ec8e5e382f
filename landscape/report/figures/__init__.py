"""The figures of a report, each as PDF, PNG and JSON."""

import itertools
from pathlib import Path

from landscape.report.figures.canvas import LeftOut, save, style
from landscape.report.figures.contours import contours
from landscape.report.figures.contrasts import contrast_maps
from landscape.report.figures.gap_by_factor import gap_by_factor
from landscape.report.figures.levels import ratio_by_level
from landscape.report.figures.paired import paired_sharpness
from landscape.report.figures.ratios import sharpness_ratios
from landscape.report.figures.sharpness_gap import sharpness_gap
from landscape.report.figures.surfaces import surfaces
from landscape.report.figures.trade_offs import trade_offs
from landscape.report.figures.training_curves import training_curves
from landscape.report.figures.venue import HOUSE, Venue
from landscape.report.folder import Report, Slice

NAMES = (
    "training_curves",
    "paired_sharpness",
    "sharpness_ratios",
    "optimizer_by_measure",
    "ratio_by_level",
    "sharpness_gap",
    "gap_by_factor",
    "slices_contours",
    "slices_3d",
    "trade_offs",
)


def write_figures(
    report: Report, slices: list[Slice], folder: Path, venue: Venue = HOUSE
) -> tuple[list[Path], list[LeftOut]]:
    """Return the files written into ``folder``, and what was left out because it would have been empty."""
    written: list[Path] = []
    left_out: list[LeftOut] = []
    with style(venue):
        drawings = itertools.chain(
            training_curves(report),
            paired_sharpness(report),
            sharpness_ratios(report),
            contrast_maps(report),
            ratio_by_level(report),
            sharpness_gap(report),
            gap_by_factor(report),
            contours(report, slices),
            surfaces(report, slices),
            trade_offs(report),
        )
        for drawing in drawings:
            if isinstance(drawing, LeftOut):
                left_out.append(drawing)
            else:
                written += save(drawing, folder)
    _remove_stale(folder, written)
    return written, left_out


def _remove_stale(folder: Path, written: list[Path]) -> None:
    """Remove our own figures of an earlier report that this one no longer has; they would contradict it."""
    for path in folder.glob("*"):
        ours = path.suffix in {".pdf", ".png", ".json"} and path.stem.startswith(NAMES)
        if ours and path not in written:
            path.unlink()
