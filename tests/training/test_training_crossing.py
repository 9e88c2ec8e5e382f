"""The first crossing of the target loss, found again by brute force."""

import dataclasses

import pytest
import torch
from torch.nn.functional import cross_entropy

from landscape.training import TrainingConfig, train, training_steps
from landscape.training import crossing as crossing_module
from landscape.training.determinism import repeatable
from landscape.training.evaluation import evaluate
from landscape.training.prepare import prepare_run
from landscape.training.run import take_steps


def brute_force(model, dataset, config):
    """Return (step, loss) after every step, by plain training, and the state dicts."""
    run = prepare_run(model, cross_entropy, dataset, config, device=torch.device("cpu"), dtype=torch.float32)
    losses, states = [], []
    with repeatable(run.device):
        for step in take_steps(run, 0, len(run.learning_rates)):
            scores = evaluate(model, cross_entropy, run.train, max_batch=2048, classes=True)
            losses.append((step, scores.loss))
            states.append({name: each.clone() for name, each in model.state_dict().items()})
    return losses, states


def first_crossing_of_ends(losses, target, steps_per_stretch):
    """Return the first step at or below target in the first stretch whose last step is at or below it."""
    for end in range(steps_per_stretch, len(losses) + 1, steps_per_stretch):
        if losses[end - 1][1] <= target:
            return next(step for step, loss in losses[end - steps_per_stretch : end] if loss <= target)
    return None


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "torch:Adamax"])
@pytest.mark.parametrize("target", [0.95, 0.75, 0.66])
def test_it_is_the_step_that_brute_force_finds(make_noisy, clusters, optimizer, target):
    config = TrainingConfig(optimizer, 0.01, epochs=10, batch_size=13, target_loss=target)
    losses, states = brute_force(make_noisy(), clusters, config)
    expected = first_crossing_of_ends(losses, target, 12)
    assert expected is not None
    found = train(make_noisy(), cross_entropy, clusters, config, device="cpu").matched
    assert found.step == expected
    assert found.train_loss == losses[expected - 1][1]
    assert found.note == ""
    assert all(torch.equal(found.state_dict[name], each) for name, each in states[expected - 1].items())


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "torch:Rprop"])
def test_the_trajectory_is_the_same_with_and_without_a_target(make_noisy, clusters, optimizer):
    def run(target):
        config = TrainingConfig(optimizer, 0.01, epochs=6, batch_size=13, target_loss=target)
        model = make_noisy()
        views = training_steps(model, cross_entropy, clusters, config, device="cpu")
        rows = [dataclasses.replace(view.row, seconds=0.0) for view in views]
        return rows, model.state_dict()

    (rows, end), (plain_rows, plain_end) = run(0.8), run(None)
    assert rows[-1].train_loss < 0.8 < rows[0].train_loss
    assert rows == plain_rows
    assert all(torch.equal(end[name], plain_end[name]) for name in end)


def test_optimizer_state_of_the_crossing_is_that_of_its_step(make_noisy, clusters):
    config = TrainingConfig("sgd", 0.02, epochs=6, batch_size=13, target_loss=0.8)
    matched = train(make_noisy(), cross_entropy, clusters, config, device="cpu").matched
    assert matched.step % 12 != 0  # within an epoch, or this would show nothing
    short = dataclasses.replace(config, epochs=None, steps=matched.step, target_loss=None)
    end = train(make_noisy(), cross_entropy, clusters, short, device="cpu").end
    assert end.optimizer.step == matched.optimizer.step == matched.step
    assert end.optimizer.tensors.keys() == {"momentum_buffer", "shadow_exp_avg_sq"}
    for name, each in end.optimizer.tensors.items():
        assert torch.equal(each, matched.optimizer.tensors[name])
    assert (matched.epoch, matched.examples) == (end.epoch, end.examples)
    assert matched.test_loss == end.test_loss
    assert matched.mismatch == matched.train_loss / 0.8 - 1


def test_seconds_of_the_crossing_lie_within_its_epoch(make_noisy, clusters):
    config = TrainingConfig("sgd", 0.02, epochs=6, batch_size=13, target_loss=0.8)
    result = train(make_noisy(), cross_entropy, clusters, config, device="cpu")
    after = next(row for row in result.history if row.epoch >= result.matched.epoch)
    before = result.history[result.history.index(after) - 1]
    assert before.seconds < result.matched.seconds < after.seconds
    assert result.speed_to_loss.steps == result.matched.step


def test_a_loss_that_rises_again_is_taken_at_its_first_dip(make_noisy, clusters):
    config = TrainingConfig("sgd", 0.3, epochs=4, batch_size=13, target_loss=0.3)
    losses, _ = brute_force(make_noisy(), clusters, config)
    expected = first_crossing_of_ends(losses, 0.3, 12)
    assert any(loss > 0.3 for step, loss in losses[:36] if step > expected)
    found = train(make_noisy(), cross_entropy, clusters, config, device="cpu").matched
    assert (found.step, found.train_loss) == losses[expected - 1]


@pytest.fixture
def tried(monkeypatch):
    """How many steps each replay evaluates."""
    counts = []
    replay = crossing_module._replay

    def counted(run, stretch, at, take):
        steps = {step for each in at.values() for step in each}
        counts.append(len([step for step in steps if stretch.first < step <= stretch.last]))
        return replay(run, stretch, at, take)

    monkeypatch.setattr(crossing_module, "_replay", counted)
    return counts


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_long_stretches_are_searched_in_two_passes(make_noisy, clusters, tried, optimizer):
    config = TrainingConfig(optimizer, 0.001, epochs=12, batch_size=4, evaluate_every=3, target_loss=0.65)
    losses, states = brute_force(make_noisy(), clusters, config)
    exact = first_crossing_of_ends(losses, 0.65, 114)
    assert exact > 114  # not in the first stretch, so that there is an optimizer state to go back to
    found = train(make_noisy(), cross_entropy, clusters, config, device="cpu").matched
    assert found.note == ""
    assert found.step == exact
    assert found.train_loss == losses[found.step - 1][1]
    assert all(torch.equal(found.state_dict[name], each) for name, each in states[found.step - 1].items())
    assert len(tried) == 2
    assert sum(tried) <= 2 * 11 + 2


def test_short_stretches_are_searched_step_by_step(make_noisy, clusters, tried):
    config = TrainingConfig("sgd", 0.02, epochs=6, batch_size=13, target_loss=0.8)
    train(make_noisy(), cross_entropy, clusters, config, device="cpu")
    assert tried == [12]


def test_full_batch_steps_need_no_replay(make_mlp, clusters, monkeypatch):
    monkeypatch.setattr(crossing_module, "_replay", None)
    config = TrainingConfig("sgd", 0.1, steps=60, batch_size=None, target_loss=0.7)
    result = train(make_mlp(), cross_entropy, clusters, config, device="cpu")
    expected = next(row for row in result.history if row.train_loss <= 0.7)
    assert result.matched.step == expected.step > 0
    assert result.matched.seconds == expected.seconds


def test_a_target_met_before_training_is_step_zero(make_mlp, clusters):
    config = TrainingConfig("adam", 0.01, epochs=1, target_loss=50.0)
    result = train(make_mlp(), cross_entropy, clusters, config, device="cpu")
    assert (result.matched.step, result.matched.optimizer.tensors) == (0, {})
    assert (result.speed_to_loss.steps, result.speed_to_loss.seconds) == (0, 0.0)


def test_a_target_never_met_is_none(make_mlp, clusters):
    config = TrainingConfig("adam", 1e-4, epochs=2, target_loss=1e-3)
    result = train(make_mlp(), cross_entropy, clusters, config, device="cpu")
    assert result.matched is None
    assert result.speed_to_loss is None
    assert result.status == "finished"


def test_a_device_that_does_not_repeat_itself_is_said_so(make_noisy, clusters, monkeypatch):
    monkeypatch.setattr(crossing_module, "_replay", lambda *anything: {})
    config = TrainingConfig("sgd", 0.02, epochs=6, batch_size=13, target_loss=0.8)
    result = train(make_noisy(), cross_entropy, clusters, config, device="cpu")
    end = next(row for row in result.history if row.train_loss <= 0.8)
    assert (result.matched.step, result.matched.train_loss) == (end.step, end.train_loss)
    assert "did not repeat" in result.matched.note
