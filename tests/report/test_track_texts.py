"""What is said of a sharpness against its edge."""

import dataclasses

import pytest

from landscape.report.tracking.text import crossing_sentence
from landscape.statistics.edge_crossing import edge_crossing


@pytest.mark.parametrize(
    ("ratios", "sentence"),
    [
        ([0.2, None, 0.9], "The edge (of H) was never reached: the largest ratio is 0.9000."),
        (
            [1.5, 1.2, 0.3, 0.7],
            "The edge (of H) was not reached after the start, which lay above it (1.500 of it): the largest ratio from "
            "then on is 0.7000.",
        ),
        (
            [0.2, 1.5, 1.0],
            "The edge (of H) was reached by step 1; from there on sharpness is 1.250 of the edge in the mean of 2 "
            "stops.",
        ),
        ([None, None], "of H"),
    ],
)
def test_crossing_is_said_as_it_was(ratios, sentence):
    rows = [{"ratio": ratio, "edge": ratio and 1.0, "edge_note": "of H"} for ratio in ratios]
    crossing = dataclasses.asdict(edge_crossing(range(len(ratios)), ratios))
    assert crossing_sentence({"rows": rows, "summary": {"crossing": crossing}}) == sentence
