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


def test_another_network_is_not_the_learning_rates_doing():
    def on(model, lr_rank, value, seed=0):
        return run(lr_rank, value) | {"seed": seed, "factors": {"lr": 0.1 * lr_rank, "model": model}}

    both = [on("mlp", 0, 1.0), on("mlp", 1, 2.0), on("cnn", 1, 100.0)]  # the small rate never got there on the CNN
    assert learning_rate_effect(both, "end", "trace", "sgd") == pytest.approx(2.0)
    assert learning_rate_effect([*both, on("cnn", 0, 400.0)], "end", "trace", "sgd") == pytest.approx(math.sqrt(2))
    assert learning_rate_effect(both[1:], "end", "trace", "sgd") is None
    assert learning_rate_effect([on("mlp", 0, 1.0), on("mlp", 1, 2.0, seed=1)], "end", "trace", "sgd") is None
