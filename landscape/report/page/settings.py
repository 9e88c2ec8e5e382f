"""The section of a page on one minimum: what was measured, what was asked, where it ran."""

from typing import Any

from landscape.report.escape import for_html
from landscape.report.page.sections import Page, long_table, plain_text


def settings_section(page: Page, result: dict[str, Any]) -> None:
    """Add the settings of a measurement and its environment."""
    page.add('<section id="settings"><h2>Settings and environment</h2>\n')
    page.add(f"<p>Command: <code>{for_html(result['environment'].get('command') or '')}</code></p>")
    entries = {
        "point": ("What was measured", result["settings"]),
        "asked": ("What was asked", result["asked"]),
        "environment": ("Where it ran", result["environment"]),
    }
    for key, (text, values) in entries.items():
        kept = {name: value for name, value in values.items() if value is not None and name != "command"}
        rows = tuple((name, plain_text(value)) for name, value in sorted(kept.items()))
        page.add(long_table(f"table-{key}", text, ("name", "value"), rows))
    page.add("</section>\n")
