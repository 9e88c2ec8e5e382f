"""The surface benchmark's page is made from its results."""

import json
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
BENCHMARKS = REPOSITORY / "experiments" / "benchmarks"
RESULTS = BENCHMARKS / "surfaces.json"


@pytest.mark.skipif(not RESULTS.exists(), reason="the benchmark has not been run")
def test_the_page_is_made_from_the_results(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from surface_page import render

    page = REPOSITORY / "docs" / "surfaces.md"
    assert page.read_text(encoding="utf-8") == render(json.loads(RESULTS.read_text(encoding="utf-8")))
