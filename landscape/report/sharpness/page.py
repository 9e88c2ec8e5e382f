"""The page on the measures of one minimum; it works offline."""

from typing import Any

from landscape.report.curvature.tables import point
from landscape.report.escape import for_html
from landscape.report.page.document import document
from landscape.report.page.sections import Page
from landscape.report.page.settings import settings_section
from landscape.report.sharpness import tables
from landscape.report.table_formats import as_html

Result = dict[str, Any]


def sharpness_page(result: Result) -> str:
    """Return the page of what `landscape.study.sharpness.sharpness` returned."""
    page = Page()
    page.add(_head(result))
    page.add("<main>\n")
    for key, heading, table in (
        ("measures-of", "Measures", tables.measurements(result, names=False)),
        ("layers-of", "Layers", tables.layers(result)),
        ("verification-of", "Verification", tables.verification(result)),
    ):
        if table.rows:
            page.add(f'<section id="{key}"><h2>{heading}</h2>{as_html(table)}</section>\n')
    items = "".join(f"<dt>{for_html(name)}</dt><dd>{for_html(text)}</dd>" for name, text in tables.cannot_see(result))
    page.add(f'<section id="blind-spots"><h2>What each number cannot see</h2><dl>{items}</dl></section>\n')
    _listed(page, "notes", "How model, loss and data were understood", result["notes"])
    _listed(page, "shared", "What was computed once", tables.shared(result))
    settings_section(page, result)
    page.add("</main>\n")
    page.add(_foot(result))
    return document(tables.title(result), "".join(page.parts), page.plots)


def _head(result: Result) -> str:
    warnings = "".join(f'<li><span class="bad">!</span> {for_html(each)}</li>' for each in result["warnings"])
    attention = f'<ul class="attention">{warnings}</ul>' * bool(warnings)
    title = for_html(tables.title(result))
    return f"<header><h1>{title}</h1><p>{for_html(point(result))}</p>{attention}</header>\n"


def _listed(page: Page, key: str, heading: str, sentences: list[str]) -> None:
    if sentences:
        items = "".join(f"<li>{for_html(each)}</li>" for each in sentences)
        page.add(f'<section id="{key}"><h2>{heading}</h2><ul>{items}</ul></section>\n')


def _foot(result: Result) -> str:
    made = result["environment"]
    return (
        f"<footer><p>Written by landscape {for_html(made.get('landscape') or '')} on "
        f"{for_html(made.get('created') or '')}. For print: <code>table.tex</code>, <code>table.md</code>; all "
        f"numbers: <code>sharpness.json</code>.</p></footer>\n"
    )
