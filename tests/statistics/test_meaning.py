import pytest
from described import describe

from landscape.statistics.meaning import interval, listed, meaning, number, optimizer_words, plural, quantities


def test_two_estimators_of_one_quantity_are_one_piece_of_evidence():
    known = [meaning(each) for each in describe(["trace", "power_iteration_top_eigenvalue", "top_eigenvalue"])]
    assert [[each.measure for each in group] for group in quantities(known)] == [
        ["trace"],
        ["top_eigenvalue", "power_iteration_top_eigenvalue"],
    ]


@pytest.mark.parametrize("measure", ["preconditioned_top_eigenvalue", "weight_norm"])
def test_what_is_no_comparable_sharpness_takes_no_part(measure):
    known = [meaning(each) for each in describe([measure])]
    assert quantities(known) == []
    assert known[0].why_not


def test_names_are_words():
    assert meaning(describe(["power_iteration_top_eigenvalue"])[0]).words == "top eigenvalue"
    assert [optimizer_words(name) for name in ("sgd", "adam", "torch:NAdam")] == ["SGD", "Adam", "torch:NAdam"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5234, "1.52"), (15.234, "15.2"), (152.34, "152"), (15234.0, "15234"), (1.5e6, "1.5e+06"), (1.0, "1.00"),
        (0.0, "0.00"), (0.523, "0.52"), (-0.523, "−0.52"), (0.0523, "0.052"), (-0.004, "−0.004"), (1e-7, "1e-07"),
        (1.002, "1.002"), (0.9996, "0.9996"),
    ],
)  # fmt: skip
def test_numbers_never_round_to_a_different_verdict(value, text):
    assert number(value) == text


def test_lists_and_counts():
    assert [listed(list(letters)) for letters in ("a", "ab", "abc", "abcde")] == [
        "a",
        "a and b",
        "a, b and c",
        "a, b, c and 2 more",
    ]
    assert (plural(1, "run"), plural(2, "run")) == ("1 run", "2 runs")
    assert interval({"low": 1.2, "high": 1.9, "confidence": 0.95}) == "95 % interval 1.20 to 1.90"
