"""The page of one minimum's curvature; it works offline."""

from typing import Any

from landscape.report.curvature import tables
from landscape.report.curvature.blind_spots import blind_spots
from landscape.report.escape import for_html
from landscape.report.figures.density import caption
from landscape.report.numbers import number
from landscape.report.page.density import density_plots
from landscape.report.page.document import document
from landscape.report.page.sections import Page
from landscape.report.page.settings import settings_section
from landscape.report.table import Row, Table
from landscape.report.table_formats import as_html

Result = dict[str, Any]


def curvature_page(result: Result) -> str:
    """Return the page of what `landscape.study.curvature.curvature` returned."""
    page = Page()
    page.add(_head(result))
    page.add("<main>\n")
    for key, heading, table in (
        ("eigenvalues-of", "Eigenvalues", tables.eigenvalues(result)),
        ("sums", "Trace, ratio and density in numbers", tables.others(result)),
    ):
        if table.rows:
            page.add(f'<section id="{key}"><h2>{heading}</h2>{as_html(table)}</section>\n')
    _density(page, result)
    _products(page, result)
    settings_section(page, result)
    items = "".join(f"<dt>{for_html(name)}</dt><dd>{for_html(text)}</dd>" for name, text in blind_spots(result))
    page.add(f'<section id="blind-spots"><h2>What each number cannot see</h2><dl>{items}</dl></section>\n</main>\n')
    page.add(_foot(result))
    return document(tables.title(result), "".join(page.parts), page.plots)


def _head(result: Result) -> str:
    warnings = "".join(
        f'<li><span class="bad">!</span> {for_html(sentence)}</li>' for sentence in tables.unconverged(result)
    )
    attention = f'<ul class="attention">{warnings}</ul>' * bool(warnings)
    return (
        f"<header><h1>{for_html(tables.title(result))}</h1><p>{for_html(tables.point(result))}</p>"
        f"{attention}</header>\n"
        "<noscript><p>The plots need JavaScript; the same figure is in the folder figures.</p></noscript>\n"
    )


def _density(page: Page, result: Result) -> None:
    if not result["density"]:
        return
    page.add('<section id="density-of"><h2>Spectral density</h2>\n')
    page.draw(density_plots(result["density"]))
    page.add(f'<p class="note">{for_html(caption(result["density"]))}</p></section>\n')


def _products(page: Page, result: Result) -> None:
    """Say how products were computed, and what was tried."""
    products = result["products"]
    page.add(f'<section id="products"><h2>How products were computed</h2><p>{for_html(_memory(products))}</p>\n')
    rows: list[Row] = []
    for which, name in (("held", "graph held"), ("other", "from scratch")):
        for trial in (products.get(which) or {}).get("trials", ()):
            used = "used" if trial["kind"] == products[which]["kind"] else trial["note"] or "slower"
            time = "–" if trial["seconds"] is None else number(1e3 * trial["seconds"])
            rows.append((f"{trial['kind']}, {name}", time, number(trial["difference"], 2), used))
    if rows:
        examples = next(products[which]["examples"] for which in ("held", "other") if products.get(which))
        text = f"Ways to a product, tried on {examples} examples; each is used only if it agrees with double backward."
        header = ("way", "milliseconds", "relative difference", "")
        page.add(as_html(Table("ways", text, header, tuple(rows))))
    page.add("</section>\n")


def _memory(products: Result) -> str:
    if "held_bytes" not in products:
        return "Nothing is said about memory."
    held, most, budget = (_size(products[key]) for key in ("held_bytes", "planned_bytes", "memory"))
    count = products["held_batches"]
    what = "The graph of 1 batch was" if count == 1 else f"The graphs of {count} batches were"
    return f"{what} held between products, in {held}; all of them would take {most}, and the budget was {budget}."


def _size(count: int | None) -> str:
    return f"{number((count or 0) / 1e6)} MB"


def _foot(result: Result) -> str:
    made = result["environment"]
    figure = "<code>figures/spectral_density.pdf</code>; " if result["density"] else ""
    return (
        f"<footer><p>Written by landscape {for_html(made.get('landscape') or '')} on "
        f"{for_html(made.get('created') or '')}. For print: {figure}all numbers: <code>hessian.json</code>."
        f"</p></footer>\n"
    )
