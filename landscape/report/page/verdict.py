"""The verdict at the head of the page, what stands behind it, and what has to be known before trusting a number."""

from landscape.report.attention import attention
from landscape.report.escape import for_html
from landscape.report.folder import Report

MOST_OPEN = 20
"""More sentences than these behind the verdict are folded, so that the first table is on the first screens."""


def verdict_html(report: Report) -> str:
    """Return the verdict with its lists."""
    verdict = report.get("verdict") or {}
    sentences = "".join(f"<p>{for_html(sentence)}</p>" for sentence in verdict.get("sentences", []))
    details = "".join(f"<li>{for_html(detail)}</li>" for detail in verdict.get("details", []))
    warnings = "".join(f'<li><span class="bad">!</span> {for_html(note)}</li>' for note in attention(report))
    lists = f'<ul class="why">{details}</ul>' * bool(details)
    if len(verdict.get("details", [])) > MOST_OPEN:
        lists = f"<details><summary>What stands behind these sentences</summary>{lists}</details>"
    lists += f'<ul class="attention">{warnings}</ul>' * bool(warnings)
    return f'<div class="verdict" role="region" aria-label="Verdict">{sentences}</div>{lists}'
