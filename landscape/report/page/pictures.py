"""Figures of the folder as pictures inside the page."""

import base64
import json
from pathlib import Path

from landscape.report.escape import for_html

MOST_PICTURES = 4


def pictures(figures: list[Path], name: str) -> str:
    """Return the first few figures of a name; in print, and without WebGL, flat surfaces stand in for turning ones."""
    found = [path for path in figures if path.name.startswith(name) and path.suffix == ".png"]
    return "".join(_picture(path) for path in found[:MOST_PICTURES])


def _picture(path: Path) -> str:
    caption = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["caption"]
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><div class="picture" tabindex="0" role="region" aria-label="Slices, scrolls sideways">'
        f'<img src="data:image/png;base64,{data}" alt="{for_html(caption)}"></div>'
        f'<p class="note">{for_html(caption)}</p></figure>\n'
    )
