"""The trajectory of a training in motion on its plane, as GIF or MP4."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.animation import FFMpegWriter
from matplotlib.figure import Figure
from PIL import Image

from landscape.atomic_write import write_atomically
from landscape.report.escape import for_figure
from landscape.report.figures.canvas import canvas
from landscape.report.figures.panel import loss_bar, loss_panel, panel_shape
from landscape.report.palette import ORANGE, VERMILION
from landscape.report.surface.grids import Grids

DPI = 120
FRAMES_A_SECOND = 4
LAST_FRAME = 8
"""Frames' time that the last one stays."""


def write_gif(grids: Grids, path: Path) -> None:
    """Write a picture a checkpoint, again and again; nothing where no loss is finite."""
    pictures = []
    for figure in _frames(grids):
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())  # type: ignore[attr-defined]
        pictures.append(Image.fromarray(pixels).convert("RGB").quantize(128, dither=Image.Dither.NONE))
    if not pictures:
        return
    times = [1000 // FRAMES_A_SECOND] * (len(pictures) - 1) + [1000 * LAST_FRAME // FRAMES_A_SECOND]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0)
    write_atomically(path, buffer.getvalue())


def write_mp4(grids: Grids, path: Path) -> None:
    """Write the same by ffmpeg; nothing where that is not installed or no loss is finite."""
    if shutil.which("ffmpeg") is None:
        return
    part = path.with_name(f".part-{path.name}")
    # ffmpeg would follow a link in its place
    part.unlink(missing_ok=True)
    writer, figures = FFMpegWriter(fps=FRAMES_A_SECOND), _frames(grids)
    first = next(figures, None)
    if first is None:
        return
    with writer.saving(first, str(part), DPI):
        writer.grab_frame()
        for _ in figures:
            writer.grab_frame()
        for _ in range(LAST_FRAME - 1):
            writer.grab_frame()
    part.replace(path)


def _frames(grids: Grids) -> Iterator[Figure]:
    """Yield one figure again and again, with one more checkpoint on the way each time."""
    scale, way = grids.scale(), np.array(grids.result["trajectory"])
    if scale is None or not len(way):
        return
    a, b = grids.axes
    figure = canvas(5.4, 4.4 * panel_shape(a, b) + 0.7, constrained=True)
    figure.set_dpi(DPI)
    axes = figure.subplots()
    loss_panel(axes, a, b, grids.loss("train"), scale)
    loss_bar(figure, axes, scale)
    axes.set_xlabel(for_figure(grids.label(0), 60))
    axes.set_ylabel(for_figure(grids.label(1), 60))
    names = grids.result["about"].get("checkpoints", [""] * len(way))
    axes.plot(way[:, 0], way[:, 1], "-", color="white", linewidth=0.8, alpha=0.6)
    (under,) = axes.plot([], [], "-", color="white", linewidth=2.6)
    (line,) = axes.plot([], [], ".-", color=VERMILION, linewidth=1.3, markersize=4)
    (here,) = axes.plot([], [], "o", color=ORANGE, markeredgecolor="black", markersize=8)
    title = axes.set_title("train loss")
    figure.draw_without_rendering()
    figure.set_layout_engine(None)  # the panel stays where it is from frame to frame
    for index, name in enumerate(names):
        for artist in (under, line):
            artist.set_data(way[: index + 1, 0], way[: index + 1, 1])
        here.set_data(way[index : index + 1, 0], way[index : index + 1, 1])
        title.set_text(f"train loss; {for_figure(name, 40)} ({index + 1} of {len(way)})")
        yield figure
