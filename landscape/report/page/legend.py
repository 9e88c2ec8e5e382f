"""The legend of the page: one list above the plots, which all share its colours, markers and lines."""

from collections.abc import Collection

from landscape.report.escape import for_html
from landscape.report.factors import factor_words, factors, level_colors, level_words
from landscape.report.figures.canvas import FAINT_MEANS
from landscape.report.folder import Report
from landscape.report.numbers import plain
from landscape.report.palette import Look, look

_SHAPES = {
    "circle": '<circle cx="17" cy="7" r="4.5"/>',
    "square": '<rect x="12.7" y="2.7" width="8.6" height="8.6"/>',
    "triangle-up": '<path d="M17 1.6 22.4 11.4H11.6Z"/>',
    "diamond": '<path d="M17 1 22.5 7 17 13 11.5 7Z"/>',
    "triangle-down": '<path d="M17 12.4 22.4 2.6H11.6Z"/>',
    "cross": '<path d="M15 2h4v3h3v4h-3v3h-4V9h-3V5h3Z"/>',
}
_DASHES = {
    "solid": "",
    "dash": "7 3",
    "dot": "2 2",
    "dashdot": "7 2 2 2",
    "longdash": "11 3",
    "longdashdot": "11 2 2 2",
}


def legend(report: Report, any_faint: bool = False, shown: Collection[str] | None = None) -> str:
    """Return the optimizers and learning rates that were run, each with its mark, and what faint marks are.

    Args:
        report: The content of a report.json.
        any_faint: Whether any mark is faint.
        shown: Optimizers whose marks are drawn; all when None.
    """
    optimizers = report["optimizers"]
    lrs = {
        (optimizers.index(run["optimizer"]), run.get("lr_rank") or 0): run.get("lr")
        for run in report["runs"]
        if shown is None or run["optimizer"] in shown
    }
    items = []
    for (index, rank), lr in sorted(lrs.items(), key=lambda item: item[0]):
        name = for_html(optimizers[index]) + ("" if lr is None else f", lr {plain(lr)}")
        items.append(f"<li>{_mark(look(optimizers, optimizers[index], rank))}{name}</li>")
    if any_faint:
        items.append(f"<li>{FAINT_MEANS}</li>")
    return f'<ul class="legend" aria-label="Legend of all plots">{"".join(items)}</ul>\n'


def color_choice(report: Report) -> str:
    """Return the choice of what the points of the gap's plots are coloured by, with a legend for each factor."""
    varied = factors(report)
    if not varied:
        return ""
    names = {"": "optimizer", **{name: factor_words(name) for name in varied}}
    buttons = "".join(
        f'<label><input type="radio" name="colored" value="{for_html(key)}"{" checked" * (not key)}> '
        f"{for_html(name)}</label>"
        for key, name in names.items()
    )
    lists = "".join(
        f'<ul class="legend" data-colored="{for_html(name)}" hidden>'
        + "".join(
            f"<li>{_swatch(color)}{for_html(level_words(name, each))}</li>"
            for each, color in zip(levels, level_colors(len(levels)), strict=True)
        )
        + "</ul>"
        for name, levels in varied.items()
    )
    return f"<fieldset><legend>Points coloured by</legend>{buttons}</fieldset>{lists}\n"


def _swatch(color: str) -> str:
    return f'<svg width="14" height="14" aria-hidden="true"><circle cx="7" cy="7" r="5" fill="{color}"/></svg>'


def _mark(style: Look) -> str:
    """Return a line with its marker as a small drawing that screen readers skip."""
    base = style.symbol.removesuffix("-dot").removesuffix("-open")
    open_marker, dotted = style.fill == "none" or "-open" in style.symbol, style.symbol.endswith("-dot")
    dot = f'<circle cx="17" cy="7" r="1.3" fill="{style.color if open_marker else "white"}" stroke="none"/>' * dotted
    return (
        f'<svg width="34" height="14" aria-hidden="true" fill="{"white" if open_marker else style.color}" '
        f'stroke="{style.color}" stroke-width="1.5"><path d="M0 7H34" stroke-width="2" '
        f'stroke-dasharray="{_DASHES[style.dash]}"/>{_SHAPES[base]}{dot}</svg>'
    )
