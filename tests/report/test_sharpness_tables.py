"""Words of the tables of measures: what a number cost, and what it took over."""

import pytest

from landscape.report.curvature.tables import cost
from landscape.report.sharpness.tables import shared


@pytest.mark.parametrize(
    ("matvecs", "passes", "words"),
    [(1, 0, "1 product"), (1200, 0, "1,200 products"), (0, 1, "1 pass"), (0, 3, "3 passes"), (2, 3, "2 + 3 passes")],
)
def test_costs_are_counted_in_words(matvecs, passes, words):
    assert cost(matvecs, passes) == words


def test_what_was_taken_over_is_said_once_for_each_that_gave_it():
    taken = ["recognition, from trace", "diagonal, from trace", "extremes, from top_eigenvalue"]
    result = {"measurements": {"trace": {"shared": []}, "effective_rank": {"shared": taken}}}
    assert shared(result) == [
        "effective_rank took over the recognition and the diagonal from trace.",
        "effective_rank took over the extremes from top_eigenvalue.",
    ]
