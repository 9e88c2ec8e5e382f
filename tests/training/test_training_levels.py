"""Several levels of the training loss, and epochs, in one training: each point is what it is alone."""

import pytest
import torch
from test_training_crossing import brute_force, first_crossing_of_ends
from torch.nn.functional import cross_entropy

from landscape.errors import UsageError
from landscape.training import TrainingConfig, train
from landscape.training import crossing as crossing_module
from landscape.training.population import train_population

LEVELS = (0.95, 0.75, 0.66)


def same(a, b):
    return (a.step, a.train_loss, a.target, a.note) == (b.step, b.train_loss, b.target, b.note) and all(
        torch.equal(a.state_dict[name], each) for name, each in b.state_dict.items()
    )


@pytest.mark.parametrize(("batch_size", "every"), [(13, 1), (4, 3)])
def test_each_level_is_the_step_that_brute_force_finds(make_noisy, clusters, batch_size, every):
    how = {"epochs": 12, "batch_size": batch_size, "evaluate_every": every}
    config = TrainingConfig("adam", 0.003, **how, target_loss=0.75, levels=(0.66, 0.95))
    losses, states = brute_force(make_noisy(), clusters, config)
    found = train(make_noisy(), cross_entropy, clusters, config, device="cpu").points
    assert list(config.targets) == ["matched", "matched:0.66", "matched:0.95"]
    assert found.keys() == config.targets.keys()
    length = every * -(-len(clusters.train[0]) // batch_size)
    for stop, target in config.targets.items():
        assert found[stop].step == first_crossing_of_ends(losses, target, length)
        assert found[stop].train_loss == losses[found[stop].step - 1][1] <= target
        assert all(torch.equal(found[stop].state_dict[k], each) for k, each in states[found[stop].step - 1].items())
        assert found[stop].note == ""


def test_levels_change_nothing_of_each_other_nor_of_the_training(make_noisy, clusters):
    def points(target, levels):
        config = TrainingConfig("adam", 0.02, epochs=6, batch_size=13, target_loss=target, levels=levels)
        return train(make_noisy(), cross_entropy, clusters, config, device="cpu")

    together, reverse = points(0.75, (0.95, 0.66)), points(0.66, (0.95, 0.75))
    for level in LEVELS:
        alone = points(level, ())
        stop = "matched" if level == 0.75 else f"matched:{level}"
        assert same(together.points[stop], alone.matched)
        assert same(reverse.points["matched" if level == 0.66 else f"matched:{level}"], alone.matched)
        assert all(torch.equal(together.end.state_dict[k], each) for k, each in alone.end.state_dict.items())


def test_one_pass_finds_all_levels_of_a_stretch(make_noisy, clusters, monkeypatch):
    calls = []
    replay = crossing_module._replay
    monkeypatch.setattr(crossing_module, "_replay", lambda *given: calls.append(1) or replay(*given))
    config = TrainingConfig("adam", 0.05, epochs=1, batch_size=13, target_loss=0.9, levels=(0.95, 0.85))
    found = train(make_noisy(), cross_entropy, clusters, config, device="cpu").points
    assert len(found) == 3
    assert len(calls) == 1


def test_levels_of_runs_trained_together(make_mlp, clusters):
    hows = [
        TrainingConfig("adam", lr, epochs=6, batch_size=13, target_loss=0.6, levels=(0.9, 1e-9), at_epochs=(2, 3))
        for lr in (0.01, 0.02)
    ]
    together = train_population(
        [make_mlp() for _ in hows], cross_entropy, clusters, hows, device="cpu", dtype=torch.float64
    )
    for how, result in zip(hows, together, strict=True):
        alone = train(make_mlp(), cross_entropy, clusters, how, device="cpu", dtype=torch.float64)
        assert list(result.points) == list(alone.points)
        assert {stop: each.step for stop, each in result.points.items()} == {
            stop: each.step for stop, each in alone.points.items()
        }
        assert "matched:1e-09" not in result.points
        assert result.points["epoch:2"].epoch == 2
        assert result.points["epoch:3"].mismatch is None


def test_a_level_met_before_training_is_step_zero(make_mlp, clusters):
    config = TrainingConfig("adam", 0.01, epochs=1, target_loss=0.01, levels=(50.0,))
    found = train(make_mlp(), cross_entropy, clusters, config, device="cpu").points
    assert {stop: each.step for stop, each in found.items()} == {"matched:50": 0}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"levels": (0.3, 0.3)}, "named twice"),
        ({"levels": (0.5,), "target_loss": 0.5}, "named twice"),
        ({"levels": (-1.0,)}, "positive"),
        ({"at_epochs": (0,)}, "at least 1"),
        ({"at_epochs": (3,), "evaluate_every": 2}, "between two evaluations"),
    ],
)
def test_levels_and_epochs_that_make_no_sense_are_refused(keys, words):
    with pytest.raises(UsageError, match=words):
        TrainingConfig("sgd", 0.1, epochs=4, **keys)
