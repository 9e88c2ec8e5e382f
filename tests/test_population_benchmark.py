"""The page on training many runs at once is made from its results, and the rule of ``auto`` holds in them."""

import json
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
BENCHMARKS = REPOSITORY / "experiments" / "benchmarks"
RESULTS = BENCHMARKS / "population.json"


@pytest.mark.skipif(not RESULTS.exists(), reason="the benchmark has not been run")
def test_the_page_is_made_from_the_results(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from population import MOST_WORK, render

    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    page = REPOSITORY / "docs" / "population.md"
    assert page.read_text(encoding="utf-8") == render(results)
    for case in results["cases"]:
        assert case["largest_relative_difference_of_the_loss"] < 1e-3
        if case["step_work"] <= MOST_WORK:
            assert sorted(case["seconds"]["one_by_one"])[0] > sorted(case["seconds"]["together"])[-1]
