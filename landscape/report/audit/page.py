"""The page of an audit; it works offline."""

import base64
import json
from pathlib import Path
from typing import Any

from landscape.report.audit.cells import contradictions, missing
from landscape.report.audit.tables import checks, factors, point
from landscape.report.escape import for_html
from landscape.report.page.document import document
from landscape.report.page.sections import long_table, plain_text
from landscape.report.table_formats import as_html

TITLE = "What each measure cannot see"


def audit_page(result: dict[str, Any], pictures: list[Path]) -> str:
    """Return the page of what `landscape.study.audit.audit` returned.

    Args:
        result: The audit.
        pictures: A PNG for each network, with its JSON beside it.
    """
    parts = [
        f"<header><h1>{TITLE}</h1><p>Each network was changed in ways that leave its function as it is, and every "
        f"measure was taken again. What moved belongs to the coordinates, not to the function.</p></header>\n<main>\n"
    ]
    for index, (network, picture) in enumerate(zip(result["networks"], pictures, strict=True)):
        parts.append(_network(network, picture, index))
    parts += [_settings(result), "</main>\n", _foot(result)]
    return document(TITLE, "".join(parts), [])


def _network(network: dict[str, Any], picture: Path, index: int) -> str:
    bad = "".join(f'<li><span class="bad">!</span> {for_html(each)}</li>' for each in contradictions(network))
    attention = f'<ul class="attention">{bad}</ul>' if bad else ""
    left_out = tuple(missing(network))
    table = long_table(f"missing-{index}", "Left out", ("what", "why"), left_out) if left_out else ""
    return (
        f'<section id="network-{index}"><h2>{for_html(network["name"])}</h2><p>{for_html(point(network))}</p>\n'
        f"{attention}{_picture(picture)}{as_html(factors(network, index))}"
        f"<h3>Was the function left as it was?</h3>{as_html(checks(network, index))}{table}</section>\n"
    )


def _picture(path: Path) -> str:
    caption = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["caption"]
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><div class="picture" tabindex="0" role="region" aria-label="Heat map, scrolls sideways">'
        f'<img src="data:image/png;base64,{data}" alt="{for_html(caption)}"></div>'
        f'<p class="note">{for_html(caption)}</p></figure>\n'
    )


def _settings(result: dict[str, Any]) -> str:
    made = result.get("environment") or {}
    parts = [
        '<section id="settings"><h2>Settings and environment</h2>\n',
        f"<p>Command: <code>{for_html(made.get('command') or '')}</code></p>",
    ]
    for key, text, values in (
        ("asked", "What was asked", result["asked"]),
        ("environment", "Where it ran", {name: each for name, each in made.items() if name != "command"}),
    ):
        rows = tuple((name, plain_text(each)) for name, each in sorted(values.items()) if each is not None)
        parts.append(long_table(f"table-{key}", text, ("name", "value"), rows) if rows else "")
    return "".join([*parts, "</section>\n"])


def _foot(result: dict[str, Any]) -> str:
    made = result.get("environment") or {}
    version, created = (for_html(made.get(key) or "") for key in ("landscape", "created"))
    files = "<code>figures/</code>, <code>table.tex</code>, <code>table.md</code>; all numbers: <code>audit.json</code>"
    return f"<footer><p>Written by landscape {version} on {created}. For print: {files}.</p></footer>\n"
