"""The sections of the page, from the verdict to the small print."""

import json
from pathlib import Path
from typing import Any

from landscape.report import points as view
from landscape.report import relation_tables, tables
from landscape.report.attention import caveats, unconverged
from landscape.report.escape import for_html
from landscape.report.factor_tables import ratios_within
from landscape.report.figures.canvas import LeftOut
from landscape.report.folder import Report, Slice
from landscape.report.level_tables import level_tables
from landscape.report.loss_scale import loss_scale
from landscape.report.methods import methods_html
from landscape.report.page.legend import color_choice, legend
from landscape.report.page.levels import level_plots
from landscape.report.page.pictures import pictures
from landscape.report.page.plot import Plot
from landscape.report.page.scene import color_bar
from landscape.report.page.sharpness import gap_plots, pair_plots, ratio_plots
from landscape.report.page.slices import MOST_SURFACES, surface_plots
from landscape.report.page.training import trade_off_plots, training_plots
from landscape.report.page.verdict import verdict_html
from landscape.report.primary import primary_note
from landscape.report.search_tables import drawn, searches
from landscape.report.symbols import term_for_html
from landscape.report.table import Table
from landscape.report.table_formats import as_html
from landscape.report.trade_off_tables import trade_offs
from landscape.stops import stop_words

MOST_ROWS = 200
BUTTONS = {
    "left": "Turn left",
    "right": "Turn right",
    "up": "From above",
    "down": "From below",
    "nearer": "Nearer",
    "farther": "Farther",
    "reset": "Reset",
}


class Page:
    """The body of the page while it grows, and the plots that it has asked for."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.plots: list[Plot] = []

    def add(self, html: str) -> None:
        """Add HTML."""
        self.parts.append(html)

    def draw(self, plots: list[Plot], wide: bool = False) -> None:
        """Add the elements of plots side by side."""
        if plots:
            self.plots += plots
            self.add(f'<div class="plots{" wide" * wide}">{"".join(plot.element() for plot in plots)}</div>\n')


def body(report: Report, slices: list[Slice], figures: list[Path], left_out: list[LeftOut], notes: list[str]) -> Page:
    """Return the whole body.

    Args:
        report: The content of a report.json.
        slices: The slices that could be read.
        figures: The files of the figures; slices are shown as pictures too.
        left_out: Figures that would have been empty.
        notes: Sentences on files that could not be read.
    """
    page = Page()
    page.add(_head(report))
    page.add("<main>\n")
    _sharpness(page, report)
    _gap(page, report)
    _training(page, report)
    _slices(page, report, slices, figures)
    _settings(page, report)
    _blind_spots(page, report)
    _small_print(page, report, left_out, notes)
    page.add("</main>\n")
    page.add(_foot(report, figures))
    return page


def _head(report: Report) -> str:
    links = {
        "sharpness": "Sharpness",
        "gap": "Sharpness and the gap",
        "training": "Training and trade-offs",
        "slices": "Loss surfaces",
        "settings": "Settings",
        "blind-spots": "What the measures cannot see",
        "small-print": "Caveats",
    }
    contents = "".join(f'<li><a href="#{key}">{name}</a></li>' for key, name in links.items())
    return (
        f"<header><h1>{for_html(report.get('title') or 'Report')}</h1>"
        f"{verdict_html(report)}</header>\n"
        f'<nav aria-label="Contents"><ul>{contents}</ul></nav>\n'
        f"<noscript><style>.flat {{ display: block; }} .plots {{ display: none; }}</style>"
        f"<p>The plots need JavaScript; the same figures are in the folder figures.</p></noscript>\n"
    )


def _sharpness(page: Page, report: Report) -> None:
    page.add('<section id="sharpness"><h2>Is one optimizer’s minimum sharper?</h2>\n')
    if primary_note(report):
        page.add(f'<p class="note">{for_html(primary_note(report))}</p>\n')
    found = view.main_stops(report)
    if not found:
        page.add("<p>No run has a minimum, so there is nothing to compare.</p>")
    for index, stop in enumerate(found):
        page.add(_opening(index, f"Sharpness {stop_words(stop)}"))
        _table(page, tables.sharpness(report, stop))
        _table(page, ratios_within(report, stop))
        page.draw(ratio_plots(report, stop), wide=True)
        pairs = pair_plots(report, stop)
        if pairs:
            page.add("<h4>Run against run: on the dashed line both minima are equally sharp</h4>")
            # the first optimizer is the axis across: marks are those of the others
            page.add(legend(report, _any_faint(report, stop), report["optimizers"][1:]))
        page.draw(pairs)
        _table(page, tables.ratios_by_rank(report, stop), "All ratios, by learning rate and by what else varies")
        for table in tables.measurements(report, stop):
            _table(page, table, table.caption)
        page.add(_closing(index))
    side = [table for table in level_tables(report) if table.rows]
    if side:
        page.add("<h3>At other training losses and epochs</h3>\n")
    page.draw(level_plots(report))
    for table in side:
        _table(page, table)
    page.add("</section>\n")


def _gap(page: Page, report: Report) -> None:
    page.add('<section id="gap"><h2>Does sharpness go with the generalization gap?</h2>\n')
    if not view.stops(report):
        page.add("<p>No run has a minimum, so there is nothing to relate.</p>")
    for index, stop in enumerate([*view.main_stops(report), *_further(report)]):
        page.add(_opening(index, f"The gap {stop_words(stop)}"))
        _table(page, tables.correlations(report, stop))
        for table, folded in relation_tables.all_of(report, stop):
            _table(page, table, folded)
        plots = [] if stop in _further(report) else gap_plots(report, stop)
        if plots:
            page.add(legend(report, _any_faint(report, stop)) + color_choice(report) * (index == 0))
        page.draw(plots)
        page.add(_closing(index))
    page.add("</section>\n")


def _further(report: Report) -> list[str]:
    return [stop for stop in view.stops(report) if stop not in view.main_stops(report)]


def _any_faint(report: Report, stop: str) -> bool:
    return any(
        not point.counted for measure in report["measures"] for point in view.points(report, stop, measure["name"])
    )


def _training(page: Page, report: Report) -> None:
    page.add('<section id="training"><h2>Training and trade-offs</h2>\n')
    for table in [*trade_offs(report), searches(report)]:
        _table(page, table)
    for table in drawn(report):
        _table(page, table, table.caption)
    curves, trades = training_plots(report), trade_off_plots(report)
    if curves or trades:
        page.add(legend(report))
    if any(x is not None for plot in curves for xs in plot.seconds for x in xs):
        page.add(
            "<fieldset><legend>Curves against</legend>"
            '<label><input type="radio" name="against" value="epoch" checked> epochs</label>'
            '<label><input type="radio" name="against" value="seconds"> seconds</label></fieldset>\n'
        )
    page.draw([*curves, *trades])
    if not curves:
        page.add("<p>There are no training curves: these minima were not trained here.</p>")
    page.add("</section>\n")


def _slices(page: Page, report: Report, slices: list[Slice], figures: list[Path]) -> None:
    page.add('<section id="slices"><h2>Loss surfaces</h2>\n')
    scale = loss_scale(slices)
    if scale is None:
        page.add("<p>This study has no slices of the loss.</p></section>\n")
        return
    notes = "".join(f" {for_html(note)}" for note in scale.notes)
    page.add(
        f"<p>Train and test loss on planes through trained minima, which are marked. All panels share one range of "
        f"heights and this colour scale; turning one turns all.{notes}</p>{color_bar(scale)}"
    )
    buttons = "".join(f'<button type="button" data-move="{key}">{name}</button>' for key, name in BUTTONS.items())
    page.add(f'<div class="controls" role="group" aria-label="Turn the surfaces">{buttons}</div>\n')
    page.draw(surface_plots(report, slices))
    page.add(f'<div class="flat">{pictures(figures, "slices_3d")}</div>\n')
    if len(slices) > MOST_SURFACES:
        page.add(f'<p class="note">The first {MOST_SURFACES} of {len(slices)} slices; slices_3d has all.</p>')
    page.add(f"<h3>The same as contours</h3>{pictures(figures, 'slices_contours')}</section>\n")


def _settings(page: Page, report: Report) -> None:
    page.add('<section id="settings"><h2>Settings and environment</h2>\n')
    page.add(f"<p>Command: <code>{for_html(report.get('command') or '')}</code></p>")
    for key, caption in (("settings", "Settings of the study"), ("environment", "Where it ran")):
        entries = report.get(key) or {}
        rows = tuple((name, plain_text(value)) for name, value in sorted(entries.items()))
        if rows:
            page.add(long_table(f"table-{key}", caption, ("name", "value"), rows))
    page.add(methods_html(report) + "</section>\n")


def _blind_spots(page: Page, report: Report) -> None:
    items = "".join(
        f"<dt>{term_for_html(view.term(measure))}</dt><dd>{for_html(measure.get('summary') or '')}</dd>"
        f"<dd><em>Cannot see:</em> {for_html(measure.get('blind_spot') or 'not said')}</dd>"
        for measure in report["measures"]
    )
    page.add(f'<section id="blind-spots"><h2>What each measure cannot see</h2><dl>{items}</dl></section>\n')


def _small_print(page: Page, report: Report, left_out: list[LeftOut], notes: list[str]) -> None:
    page.add('<section id="small-print"><h2>Caveats and what did not converge</h2>\n')
    failed = tuple(
        (run["id"], "diverged" if run["status"] == "diverged" else "target not reached", run.get("message") or "")
        for run in report["runs"]
        if run["status"] == "diverged" or (not run["reached"] and (run.get("history") or {}).get("epoch"))
    )
    tables_of_trouble = (
        ("failed", "Runs without a matched minimum", ("run", "what", "why"), failed),
        (
            "unconverged",
            "Missing or not converged",
            ("run", "stop", "measure", "value", "why"),
            tuple(unconverged(report)),
        ),
        ("caveats", "Caveats of the measurements", ("measure", "caveat"), tuple(caveats(report))),
        ("left-out", "Figures left out", ("figure", "why"), tuple((each.name, each.why) for each in left_out)),
    )
    for key, caption, header, rows in tables_of_trouble:
        if rows:
            page.add(long_table(f"table-{key}", caption, header, rows))
        elif key == "unconverged":
            page.add(f"<p>{'Every measurement converged' if view.stops(report) else 'Nothing was measured'}.</p>")
    page.add("".join(f'<p><span class="bad">!</span> {for_html(note)}</p>' for note in notes))
    page.add("</section>\n")


def _foot(report: Report, figures: list[Path]) -> str:
    names = ", ".join(f"<code>figures/{for_html(path.name)}</code>" for path in figures if path.suffix == ".pdf")
    return (
        f"<footer><p>Written by landscape {for_html(report.get('landscape_version') or '')} from report.json of "
        f"{for_html(report.get('created') or '')}. For print: {names or 'no figures'}; <code>table.tex</code>, "
        f"<code>table.md</code>.</p></footer>\n"
    )


def _opening(index: int, heading: str) -> str:
    """Return the heading of a stop; all but the first are folded away."""
    return f"<h3>{heading}</h3>\n" if index == 0 else f"<details><summary>{heading}</summary>\n"


def _closing(index: int) -> str:
    return "" if index == 0 else "</details>\n"


def _table(page: Page, table: Table, folded: str = "") -> None:
    if table.rows:
        html = as_html(table)
        page.add(f"<details><summary>{for_html(folded)}</summary>{html}</details>\n" if folded else html)


def long_table(key: str, caption: str, header: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    """Return a table of sentences, whose last column wraps; a very long one is cut, and says so."""
    head = "".join(f'<th scope="col" class="name">{for_html(text)}</th>' for text in header)
    body_rows = "".join(
        f'<tr><th scope="row" class="name">{for_html(row[0])}</th>'
        + "".join(f'<td class="name">{for_html(text)}</td>' for text in row[1:-1])
        + f'<td class="long">{for_html(row[-1])}</td></tr>'
        for row in rows[:MOST_ROWS]
    )
    more = f'<p class="note">The first {MOST_ROWS} of {len(rows)}; report.json has all.</p>' * (len(rows) > MOST_ROWS)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{key}"><table><caption id="{key}"><span>'
        f"{for_html(caption)}</span></caption><thead><tr>{head}</tr></thead><tbody>{body_rows}</tbody></table></div>{more}\n"
    )


def plain_text(value: Any) -> str:
    """Return a setting as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
