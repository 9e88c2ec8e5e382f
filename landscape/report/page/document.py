"""The page as one file: policy, style, sections, data of the plots, and the two scripts."""

import base64
import functools
import gzip
import hashlib
import json
from typing import Any

from plotly.offline import get_plotlyjs

from landscape.report.escape import for_html
from landscape.report.page.plot import Plot
from landscape.report.page.script import SCRIPT
from landscape.report.page.style import CSS


def document(title: str, body: str, plots: list[Plot]) -> str:
    """Return an HTML page that loads nothing, and that runs no script but its own two (none where there are no plots).

    Args:
        title: Shown by the browser's tab, as text.
        body: The sections, as HTML.
        plots: What is drawn into the elements of the body.

    Returns:
        The page. Its policy names its scripts by their hashes, so that markup which slipped through would not run.
        Plotly is packed, 1.9 megabytes instead of 4.8; the other script unpacks it.
    """
    scripts = [get_plotlyjs(), SCRIPT] if plots else []
    charts = _json({plot.key: plot.data() for plot in plots})
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{for_html(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n",
            body,
            f'<script type="application/json" id="charts">{charts}</script>\n',
            f'<script type="application/gzip" id="plotly">{_packed()}</script>\n<script>{SCRIPT}</script>\n'
            * bool(plots),
            "</body>\n</html>\n",
        ]
    )


@functools.cache
def _packed() -> str:
    """Plotly as base64 of gzip, the same bytes each time."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def _policy(scripts: list[str]) -> str:
    """Return a Content-Security-Policy: no network; our scripts only; styles inline, as plotly sets them."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        f"base-uri 'none'; form-action 'none'"
    )


def _json(value: Any) -> str:
    """Return JSON that can stand inside a script element: without any < that could end it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
