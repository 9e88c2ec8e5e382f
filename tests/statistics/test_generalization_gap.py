import math

import pytest

from landscape.statistics.generalization_gap import generalization_gap


def test_worse_on_the_test_set_is_a_positive_gap():
    gap = generalization_gap(train_loss=0.1, test_loss=0.4, train_accuracy=0.95, test_accuracy=0.9)
    assert gap["gap_loss"] == pytest.approx(0.3)
    assert gap["gap_error"] == pytest.approx(0.05)


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_what_is_missing_has_no_gap(missing):
    assert generalization_gap(train_loss=0.1, test_loss=missing) == {"gap_loss": None, "gap_error": None}
    assert generalization_gap(train_loss=missing, test_loss=0.1)["gap_loss"] is None


def test_a_difference_that_overflows_is_missing():
    assert generalization_gap(train_loss=-1.7e308, test_loss=1.7e308)["gap_loss"] is None
