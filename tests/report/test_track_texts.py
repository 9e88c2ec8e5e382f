"""What is said of a sharpness against its edge, and what is drawn beside it."""

import dataclasses

import numpy as np
import pytest

from landscape.report.tracking.curves import linear_range, panels
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


@pytest.mark.parametrize(
    ("changes", "scale"), [([-0.02, -0.008], "linear"), ([-0.02, -1e-5], "symlog"), ([0.5, -1e-4], "symlog")]
)
def test_changes_of_one_size_have_an_axis_with_ticks(changes, scale):
    one = {"train_loss": 1.0, "top_eigenvalue": 2.0, "top_eigenvalue_bound": 0.1, "edge": None, "edge_note": "none"}
    one |= {"trace": None, "eigenvalues": [{"value": 2.0, "bound": 0.1}], "gradient_alignment": [0.5]}
    rows = [
        {**one, "step": step, "update_alignment": [0.1], "actual_change": change, "predicted_change": change}
        for step, change in enumerate(changes)
    ]
    found = panels({"rows": rows, "settings": {"steps_per_epoch": 1}, "summary": {"preconditioned": False}})
    assert {panel.key: panel.scale for panel in found}["change"] == scale


@pytest.mark.parametrize(
    ("values", "ends"),
    [([1.0, 2.0], (0, 2.3)), ([-2.0, -1.0], (-2.3, 0)), ([-2.0, 1.0], (-2.3, 1.15)), ([0.0], (0, 1))],
)
def test_a_linear_axis_holds_zero_and_all_values(values, ends):
    assert linear_range(np.array(values)) == pytest.approx(ends)
