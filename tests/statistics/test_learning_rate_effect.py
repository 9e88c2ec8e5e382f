import math

import pytest

from landscape.statistics.learning_rate_effect import learning_rate_effect


def run(lr_rank, value, optimizer="sgd", converged=True):
    measurements = {"trace": {"value": value, "converged": converged}}
    return {"optimizer": optimizer, "lr_rank": lr_rank, "minima": {"end": {"measurements": measurements}}}


def test_largest_over_smallest_geometric_mean():
    runs = [run(0, 1.0), run(0, 4.0), run(1, 8.0), run(1, 2.0), run(2, 3.0), run(2, 3.0), run(2, 99.0, "adam")]
    assert learning_rate_effect(runs, "end", "trace", "sgd") == pytest.approx(math.sqrt(16 / 4))


def test_unknown_with_fewer_than_two_learning_rates():
    runs = [run(0, 1.0), run(0, 4.0), run(1, -1.0), run(1, 5.0, converged=False), run(2, None)]
    assert learning_rate_effect(runs, "end", "trace", "sgd") is None
    assert learning_rate_effect([], "end", "trace", "sgd") is None
