import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.statistics.multiple_comparisons import holm


def test_published_values():
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.03, 0.01, 0.04]) == pytest.approx([0.06, 0.03, 0.06])


def test_a_question_without_a_p_value_still_counts():
    assert holm([0.01, None]) == [pytest.approx(0.02), None]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_between_none_and_bonferroni(p_values):
    corrected = holm(p_values)
    for p, each in zip(p_values, corrected, strict=True):
        assert p <= each <= 1
        assert each <= min(1.0, len(p_values) * p) or each == pytest.approx(
            max(c for q, c in zip(p_values, corrected, strict=True) if q < p)
        )
    assert min(corrected) == pytest.approx(min(1.0, len(p_values) * min(p_values)))
