"""The result at the end beside the learning rate: accuracies that are far apart are drawn by their errors."""

import pytest

from landscape.report.figures.sensitivity import Shown


def row(value, low=None, high=None, key="test_accuracy"):
    return {key: {"value": value, "low": value if low is None else low, "high": value if high is None else high}}


def test_close_accuracies_are_drawn_as_they_are():
    shown = Shown.of([[(1.0, row(0.98, 0.97, 0.985)), (3.0, row(0.95))]], "test_accuracy")
    assert (shown.name, shown.scale.log) == ("test accuracy (%)", False)
    assert shown.spread(row(0.98, 0.97, 0.985)) == pytest.approx({"value": 98, "low": 97, "high": 98.5})
    assert shown.lost < shown.scale.low


def test_a_collapse_does_not_hide_the_rest():
    shown = Shown.of([[(1.0, row(0.98, 0.97, 0.985)), (3.0, row(0.1))]], "test_accuracy")
    assert (shown.name, shown.scale.log) == ("test error (%)", True)
    assert shown.spread(row(0.98, 0.97, 0.985)) == pytest.approx({"value": 2, "low": 1.5, "high": 3})
    assert shown.lost > shown.scale.high > 90


def test_no_error_has_no_logarithm():
    assert Shown.of([[(1.0, row(1.0)), (3.0, row(0.1))]], "test_accuracy").name == "test accuracy (%)"


def test_losses_stay_losses():
    shown = Shown.of([[(1.0, row(0.1, key="test_loss")), (3.0, row(2.3, key="test_loss"))]], "test_loss")
    assert (shown.name, shown.scale.log) == ("test loss", True)
    assert shown.spread(row(0.1, key="test_loss"))["value"] == 0.1
    assert shown.lost > shown.scale.high
