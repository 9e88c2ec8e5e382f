"""The page of one surface; it works offline."""

import base64
import json
from pathlib import Path
from typing import Any

from landscape.report.escape import for_html
from landscape.report.page.document import document
from landscape.report.page.scene import color_bar
from landscape.report.page.sections import BUTTONS, Page, long_table, plain_text
from landscape.report.surface import tables
from landscape.report.surface.grids import Grids
from landscape.report.surface.plots import checkpoint_names, surface_plots
from landscape.report.table_formats import as_html

Result = dict[str, Any]


def surface_page(grids: Grids, pictures: list[Path]) -> str:
    """Return the page of a surface.

    Args:
        grids: The surface.
        pictures: The files of its figures.
    """
    result, page = grids.result, Page()
    page.add(_head(result))
    page.add("<main>\n")
    _surfaces(page, grids)
    for path in pictures:
        if path.suffix == ".png" and path.stem != "surface_3d":
            page.add(_picture(path))
    page.add('<section id="numbers"><h2>What the slice shows, and what not</h2>\n')
    page.add("<ul>" + "".join(f"<li>{for_html(each)}</li>" for each in tables.sentences(result)) + "</ul>\n")
    for table in (tables.axes(result), tables.marks(result), *tables.extra_tables(result)):
        page.add(as_html(table))
    page.add("<dl>")
    for axis in result["axes"]:
        page.add(f"<dt>{for_html(axis['key'])}: {for_html(axis['name'])}</dt><dd>{for_html(axis['how'])}</dd>")
    page.add("</dl></section>\n")
    _settings(page, result)
    page.add(f"</main>\n{_foot(result)}")
    return document(tables.title(result), "".join(page.parts), page.plots)


def _head(result: Result) -> str:
    return (
        f"<header><h1>{for_html(tables.title(result))}</h1><p>{for_html(tables.point(result))}</p></header>\n"
        "<noscript><p>The plots need JavaScript; the same figures are in the folder figures.</p></noscript>\n"
    )


def _surfaces(page: Page, grids: Grids) -> None:
    scale = grids.scale()
    if scale is None:
        page.add("<p>Every loss is infinite: there is nothing to draw.</p>")
        return
    page.add(f"<section><h2>The surface</h2><p>{' '.join(for_html(note) for note in scale.notes)}</p>\n")
    if grids.dimensions == 2:
        buttons = "".join(f'<button type="button" data-move="{key}">{name}</button>' for key, name in BUTTONS.items())
        page.add(
            f'{color_bar(scale)}<div class="controls" role="group" aria-label="Turn the surfaces">{buttons}</div>\n'
        )
        if grids.result["trajectory"]:
            page.add(_slider(checkpoint_names(grids)))
        page.draw(surface_plots(grids, scale))
    page.add("</section>\n")


def _slider(names: list[str]) -> str:
    """Return a slider through the checkpoints of a trajectory, at the last one."""
    last = len(names) - 1
    return (
        f'<div class="controls"><label for="checkpoint">Checkpoint</label> '
        f'<input type="range" id="checkpoint" min="0" max="{last}" value="{last}" '
        f'data-checkpoints="{for_html(json.dumps(names))}"> '
        f'<output for="checkpoint">{for_html(names[-1])}</output></div>\n'
    )


def _picture(path: Path) -> str:
    caption = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["caption"]
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><div class="picture" tabindex="0" role="region" aria-label="Figure, scrolls sideways">'
        f'<img src="data:image/png;base64,{data}" alt="{for_html(caption)}"></div></figure>\n'
    )


def _settings(page: Page, result: Result) -> None:
    page.add('<section id="settings"><h2>Settings and environment</h2>\n')
    page.add(f"<p>Command: <code>{for_html(result['environment'].get('command') or '')}</code></p>")
    entries: dict[str, tuple[str, Result]] = {
        "point": ("What it goes through", result["settings"]),
        "asked": ("What was asked", result["asked"]),
        "environment": ("Where it ran", result["environment"]),
    }
    for key, (text, values) in entries.items():
        kept = {name: value for name, value in values.items() if value is not None and name != "command"}
        rows = tuple((name, plain_text(value)) for name, value in sorted(kept.items()))
        page.add(long_table(f"table-{key}", text, ("name", "value"), rows))
    page.add("</section>\n")


def _foot(result: Result) -> str:
    made = result["environment"]
    return (
        f"<footer><p>Written by landscape {for_html(made.get('landscape') or '')} on "
        f"{for_html(made.get('created') or '')}. For print: <code>figures/surface.pdf</code>; numbers: "
        f"<code>surface.json</code>, <code>surface.npz</code>.</p></footer>\n"
    )
