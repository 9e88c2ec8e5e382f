"""One figure from an empty canvas to its three files: PDF, PNG and the numbers in it as JSON."""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.atomic_write import write_atomically
from landscape.plain_folder import refuse_links_out
from landscape.report.escape import for_figure
from landscape.report.figures.venue import HOUSE, Venue
from landscape.report.folder import Report
from landscape.report.numbers import plain
from landscape.report.palette import Look, look
from landscape.store import write_json

WIDTH = HOUSE.width  # inches: what figures are laid out for; `canvas` makes it the venue's
PNG_DPI = 180
FILL_DPI = 250  # of heavy fills inside the PDF; everything else is vectors
FAINT = 0.3  # opacity of what the statistics leave out
FAINT_MEANS = "faint: not converged, or not at the matched training loss; the statistics leave it out"
STYLE: dict[str, Any] = {
    "font.size": HOUSE.size,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#444444",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    # TrueType outlines, so that text stays text and journals accept the file; never Type 3.
    # Unhinted letters are as wide at one resolution as at another, so that one layout fits PDF and PNG.
    "text.hinting": "no_hinting",
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
}
_LETTERS = ("font.size", "titlesize", "labelsize", "fontsize")


@dataclass(frozen=True)
class Drawing:
    """A finished figure: its name, what it shows in words, and the plotted numbers."""

    name: str
    figure: Figure
    caption: str
    numbers: Any


@dataclass(frozen=True)
class LeftOut:
    """A figure that would have been empty, and why."""

    name: str
    why: str


@contextlib.contextmanager
def style(venue: Venue = HOUSE) -> Iterator[None]:
    """Draw with the house's settings, whatever the person's matplotlibrc says, for a venue's text."""
    settings: Any = {key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key}
    sizes = {key: value * (venue.size / HOUSE.size) for key, value in STYLE.items() if key.endswith(_LETTERS)}
    text: Any = {
        "font.family": list(venue.family),
        "mathtext.fontset": venue.mathematics,
        "figure.figsize": (venue.width, venue.width),
    }
    with matplotlib.rc_context(settings | STYLE | sizes | text):
        yield


def inches(length: float) -> float:
    """Return a length of a figure that is ``WIDTH`` wide as it is at the width of the venue's text."""
    return float(length * (matplotlib.rcParams["figure.figsize"][0] / WIDTH))


def letters(size: float) -> float:
    """Return a size of letters in points beside 8 point ones as it is beside the venue's."""
    return float(size * (matplotlib.rcParams["font.size"] / HOUSE.size))


def canvas(width: float, height: float, constrained: bool = True) -> Figure:
    """Return an empty figure that is known to no pyplot: ``width`` in inches of `inches`, ``height`` as it is."""
    figure = Figure(figsize=(inches(width), height), dpi=PNG_DPI, layout="constrained" if constrained else None)
    FigureCanvasAgg(figure)
    return figure


def save(drawing: Drawing, folder: Path) -> list[Path]:
    """Write a drawing into ``folder``, unless that leads elsewhere, as PDF, PNG and JSON, and return the paths."""
    refuse_links_out(folder.parent, folder.name)
    figure = drawing.figure
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # it stays as laid out; an engine would cost two more passes a format
    paths = [folder / f"{drawing.name}.{kind}" for kind in ("pdf", "png", "json")]
    # Without dates, the same numbers give the same bytes.
    write_atomically(paths[0], _render(figure, "pdf", FILL_DPI, {"CreationDate": None, "Title": drawing.name}))
    write_atomically(paths[1], _render(figure, "png", PNG_DPI, {"Title": drawing.name}))
    write_json(paths[2], {"figure": drawing.name, "caption": drawing.caption, "numbers": drawing.numbers})
    return paths


def _render(figure: Figure, kind: str, dpi: int, metadata: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def markers(style: Look) -> dict[str, Any]:
    """Return Matplotlib's arguments for the marker of a look; an empty marker is white, to hide what lies below."""
    empty = style.fill == "none"
    return {
        "color": style.color,
        "marker": style.marker,
        "fillstyle": "full" if empty else style.fill,
        "markerfacecolor": "white" if empty else style.color,
        "markerfacecoloralt": "white",
    }


def legend_handles(report: Report, shown: set[tuple[str, int]], lines: bool = False) -> list[Line2D]:
    """Return one handle for each (optimizer, learning-rate rank) that is shown, by rank and then by optimizer."""
    optimizers = report["optimizers"]
    lrs = {(run["optimizer"], run.get("lr_rank") or 0): run.get("lr") for run in report["runs"]}
    handles = []
    for rank, index in sorted((rank, optimizers.index(optimizer)) for optimizer, rank in shown):
        style = look(optimizers, optimizers[index], rank)
        name, lr = for_figure(optimizers[index], 24), lrs.get((optimizers[index], rank))
        label = name if lr is None else f"{name}, lr {plain(lr)}"
        line: Any = style.line if lines else "none"
        handles.append(Line2D([], [], **markers(style), linestyle=line, linewidth=1.6, markersize=5, label=label))
    return handles


def explain_faint(figure: Figure, any_faint: bool) -> None:
    """Say below the panels what faint marks are, when there are any."""
    if any_faint:
        figure.supxlabel(FAINT_MEANS, fontsize=letters(7.5), color="#555555")


def legend_above(figure: Figure, handles: list[Line2D]) -> None:
    """Put one legend for all panels above them, as wide as the figure allows; one entry needs no legend.

    The figure grows by what the legend has beyond two lines, for which figures are laid out.
    """
    if len(handles) < 2:
        return
    entry = 0.62 + 0.062 * max(len(str(handle.get_label())) for handle in handles)  # inches
    fitting = max(1, int(figure.get_figwidth() / entry))
    ranks = len({(handle.get_marker(), handle.get_linestyle()) for handle in handles})
    columns = min(fitting, ranks if ranks > 1 else len(handles))
    lines = -(-len(handles) // columns)
    figure.set_figheight(figure.get_figheight() + 0.165 * letters(1.0) * max(0, lines - 2))
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)
