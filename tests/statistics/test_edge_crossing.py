"""When a ratio crosses 1 and where it settles."""

import pytest

from landscape.statistics.edge_crossing import EdgeCrossing, edge_crossing


def test_it_is_the_mean_from_the_first_crossing_on():
    found = edge_crossing([0, 10, 20, 30, 40], [0.2, None, 1.2, 0.8, 1.1])
    assert found == EdgeCrossing(20, pytest.approx((1.2 + 0.8 + 1.1) / 3), 1.2, 3)


def test_never_and_nothing():
    assert edge_crossing([0, 1], [0.2, 1.0]) == EdgeCrossing(None, None, 1.0, 0)
    assert edge_crossing([0, 1], [None, None]) == EdgeCrossing(None, None, None, 0)


def test_a_start_above_the_edge_is_no_crossing_until_it_comes_back():
    """Adam without momentum starts far above its edge, and its first step takes it below."""
    assert edge_crossing([0, 1, 2, 3], [9.0, 0.5, 1.2, 1.0]) == EdgeCrossing(2, pytest.approx(1.1), 9.0, 2)
    assert edge_crossing([0, 1], [9.0, 0.5]) == EdgeCrossing(None, None, 9.0, 0)
    assert edge_crossing([0, 1], [1.5, 1.1]) == EdgeCrossing(0, pytest.approx(1.3), 1.5, 2)
