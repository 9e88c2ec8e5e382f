import math

import pytest

from landscape.statistics.learning_rate_effect import learning_rate_effect


def run(lr_rank, value, optimizer="sgd", converged=True, seed=0):
    measurements = {"trace": {"value": value, "converged": converged}}
    return {"optimizer": optimizer, "lr_rank": lr_rank, "seed": seed, "minima": {"end": {"measurements": measurements}}}


def over_seeds(lr_rank, *values, **keys):
    return [run(lr_rank, value, seed=seed, **keys) for seed, value in enumerate(values)]


def test_largest_over_smallest_geometric_mean():
    runs = [*over_seeds(0, 1.0, 4.0, 2.0), *over_seeds(1, 8.0, 2.0, 4.0), *over_seeds(2, 3.0, 3.0, 3.0)]
    runs += over_seeds(2, 99.0, 99.0, 99.0, optimizer="adam")
    assert learning_rate_effect(runs, "end", "trace", "sgd") == pytest.approx(2.0)


def test_two_rates_that_few_seeds_share_say_nothing():
    """The third rate ran with one seed, or matched with one: its factor of 100 is that of a single pair."""
    runs = [*over_seeds(0, 1.0, 1.0, 1.0), *over_seeds(1, 2.0, 2.0, 2.0), *over_seeds(2, 100.0)]
    assert learning_rate_effect(runs, "end", "trace", "sgd") == pytest.approx(2.0)
    assert learning_rate_effect(runs[:5], "end", "trace", "sgd") is None


def test_unknown_with_fewer_than_two_learning_rates():
    runs = [run(0, 1.0), run(0, 4.0), run(1, -1.0), run(1, 5.0, converged=False), run(2, None)]
    assert learning_rate_effect(runs, "end", "trace", "sgd") is None
    assert learning_rate_effect([], "end", "trace", "sgd") is None


def test_another_network_is_not_the_learning_rates_doing():
    def on(model, lr_rank, value, first=0):
        keys = {"factors": {"lr": 0.1 * lr_rank, "model": model}}
        return [run(lr_rank, value, seed=first + seed) | keys for seed in range(3)]

    both = [*on("mlp", 0, 1.0), *on("mlp", 1, 2.0), *on("cnn", 1, 100.0)]  # the small rate never got there on the CNN
    assert learning_rate_effect(both, "end", "trace", "sgd") == pytest.approx(2.0)
    assert learning_rate_effect([*both, *on("cnn", 0, 400.0)], "end", "trace", "sgd") == pytest.approx(math.sqrt(2))
    assert learning_rate_effect(both[3:], "end", "trace", "sgd") is None
    assert learning_rate_effect([*on("mlp", 0, 1.0), *on("mlp", 1, 2.0, first=3)], "end", "trace", "sgd") is None
