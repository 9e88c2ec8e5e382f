"""The loop: deterministic, paired, whole-set evaluation, clean ends."""

import dataclasses
import itertools
import math
import time

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from landscape.data import DataSet, load_dataset
from landscape.errors import ProblemError, UsageError
from landscape.models import build_model
from landscape.training import TrainingConfig, train, training_steps


def weights(model):
    return {name: each.clone() for name, each in model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def unclocked(history):
    return [dataclasses.replace(row, seconds=0.0) for row in history]


def test_same_seed_gives_the_same_bits_and_another_seed_does_not(make_noisy, clusters, device):
    def run(seed):
        model = make_noisy()
        config = TrainingConfig("adam", 0.01, epochs=3, batch_size=16, seed=seed, target_loss=0.8)
        torch.manual_seed(torch.seed())  # whatever the global state is
        return weights(model), train(model, cross_entropy, clusters, config, device=device), weights(model)

    (_, first, end), (_, second, again), (_, other, different) = run(0), run(0), run(1)
    assert same(end, again)
    assert unclocked(first.history) == unclocked(second.history)
    assert same(first.end.optimizer.tensors, second.end.optimizer.tensors)
    assert not same(end, different)
    assert unclocked(first.history) != unclocked(other.history)


def test_another_seed_is_another_order_of_the_data(make_mlp, clusters):
    def end(seed):
        model = make_mlp()
        config = TrainingConfig("sgd", 0.1, epochs=1, seed=seed)
        train(model, cross_entropy, clusters, config, device="cpu")
        return weights(model)

    assert same(end(3), end(3))
    assert not same(end(3), end(4))


def test_what_is_done_between_views_changes_nothing(make_noisy, clusters):
    config = TrainingConfig("sgd", 0.05, epochs=4, batch_size=32)
    undisturbed, disturbed = make_noisy(), make_noisy()
    list(training_steps(undisturbed, cross_entropy, clusters, config, device="cpu"))
    for view in training_steps(disturbed, cross_entropy, clusters, config, device="cpu"):
        torch.rand(7)
        view.model.eval()
        cross_entropy(view.model(clusters.train[0]), clusters.train[1]).backward()
    assert same(weights(undisturbed), weights(disturbed))


def test_global_random_state_gradients_and_modes_are_left_as_they_were(make_noisy, clusters):
    model = make_noisy()
    model[1].eval()
    modes = [each.training for each in model.modules()]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    config = TrainingConfig("sgd", 0.1, epochs=3, batch_size=16, target_loss=0.9, evaluate_every=3)
    assert train(model, cross_entropy, clusters, config, device="cpu").matched.step < 30
    assert torch.equal(torch.get_rng_state(), before)
    assert [each.training for each in model.modules()] == modes
    assert all(each.grad is None for each in model.parameters())


def test_a_model_that_draws_even_in_evaluation_leaves_the_random_state(make_mlp, clusters):
    class Drawing(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = make_mlp()

        def forward(self, x):
            return self.inner(nn.functional.dropout(x, 0.1, training=True))

    torch.manual_seed(5)
    before = torch.get_rng_state()
    config = TrainingConfig("sgd", 0.1, epochs=1)
    first = train(Drawing(), cross_entropy, clusters, config, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    again = train(Drawing(), cross_entropy, clusters, config, device="cpu")
    assert unclocked(first.history) == unclocked(again.history)


def test_sgd_and_adam_see_the_same_batches(clusters):
    def batches(optimizer):
        seen = []

        class Recorder(nn.Linear):
            def forward(self, x):
                if self.training:
                    seen.append(x.clone())
                return super().forward(x)

        torch.manual_seed(0)
        config = TrainingConfig(optimizer, 0.01, epochs=2, batch_size=40)
        train(Recorder(6, 3), cross_entropy, clusters, config, device="cpu")
        return seen[1:]  # the first is the warm-up pass

    sgd, adam = batches("sgd"), batches("adam")
    assert [len(each) for each in sgd] == [40, 40, 40, 30] * 2
    assert all(torch.equal(a, b) for a, b in zip(sgd, adam, strict=True))
    first, second = torch.cat(sgd[:4]), torch.cat(sgd[4:])
    assert not torch.equal(first, second)
    rows = clusters.train[0].sort(0).values
    assert torch.equal(first.sort(0).values, rows)
    assert torch.equal(second.sort(0).values, rows)


def test_history_is_over_the_whole_sets_in_evaluation_mode(make_noisy, clusters):
    config = TrainingConfig("sgd", 0.05, epochs=3, batch_size=64, max_batch=37)
    views = training_steps(make_noisy(), cross_entropy, clusters, config, device="cpu")
    rows = []
    for view in views:
        view.model.eval()
        for loss, accuracy, (x, y) in (
            (view.row.train_loss, view.row.train_accuracy, clusters.train),
            (view.row.test_loss, view.row.test_accuracy, clusters.test),
        ):
            with torch.no_grad():
                outputs = view.model(x).double()
            assert loss == pytest.approx(float(cross_entropy(outputs, y)), rel=1e-6)
            assert accuracy == pytest.approx(float((outputs.argmax(1) == y).double().mean()))
        rows.append(view.row)
    assert [row.epoch for row in rows] == [0, 1, 2, 3]
    assert [row.step for row in rows] == [0, 3, 6, 9]
    assert rows[0].seconds == 0
    assert all(a.seconds < b.seconds for a, b in itertools.pairwise(rows))


def test_gradient_norm_is_the_mean_over_the_steps(make_mlp, clusters):
    config = TrainingConfig("sgd", 0.1, {"momentum": 0}, steps=5, batch_size=None, evaluate_every=5)
    model = make_mlp()
    norms, (x, y) = [], clusters.train
    for _ in range(5):
        gradients = torch.autograd.grad(cross_entropy(model(x), y), list(model.parameters()))
        norms.append(float(torch.cat([each.flatten() for each in gradients]).norm()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter -= 0.1 * gradient
    first, last = train(make_mlp(), cross_entropy, clusters, config, device="cpu").history
    assert first.gradient_norm is None
    assert last.gradient_norm == pytest.approx(sum(norms) / 5, rel=1e-5)
    clipped = dataclasses.replace(config, clip_norm=1e-6, lr=1e-6)
    _, last = train(make_mlp(), cross_entropy, clusters, clipped, device="cpu").history
    assert last.gradient_norm == pytest.approx(norms[0], rel=1e-3)


def test_length_in_steps_ends_within_an_epoch(make_mlp, clusters):
    config = TrainingConfig("adam", 0.01, steps=7, batch_size=50)
    result = train(make_mlp(), cross_entropy, clusters, config, device="cpu")
    assert [row.step for row in result.history] == [0, 3, 6, 7]
    assert result.end.epoch == pytest.approx(7 / 3)
    assert result.end.examples == 350
    assert result.end.optimizer.step == 7


def test_evaluate_every_changes_what_is_seen_and_not_what_is_done(make_noisy, clusters):
    often, seldom = make_noisy(), make_noisy()
    config = TrainingConfig("sgd", 0.05, epochs=7, batch_size=50)
    train(often, cross_entropy, clusters, config, device="cpu")
    result = train(seldom, cross_entropy, clusters, dataclasses.replace(config, evaluate_every=3), device="cpu")
    assert [row.epoch for row in result.history] == [0, 3, 6, 7]
    assert same(weights(often), weights(seldom))


def test_a_full_batch_in_chunks_equals_one_pass(make_mlp, clusters):
    def end(max_batch):
        config = TrainingConfig("sgd", 0.1, steps=10, batch_size=None, max_batch=max_batch)
        model = make_mlp()
        result = train(model, cross_entropy, clusters, config, device="cpu", dtype=torch.float64)
        assert result.end.step == 10
        return torch.cat([each.detach().flatten() for each in model.parameters()])

    whole, chunked = end(2048), end(64)  # 64, 64, 22: an equal weight each would be wrong
    assert torch.allclose(whole, chunked, rtol=1e-12, atol=1e-14)


def test_schedule_reaches_the_optimizer(make_mlp, clusters):
    config = TrainingConfig("sgd", 0.1, epochs=4, batch_size=50, schedule="step", warmup=1, decay=0.5)
    rates = [
        view.optimizer.param_groups[0]["lr"]
        for view in training_steps(make_mlp(), cross_entropy, clusters, config, device="cpu")
    ]
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.025])
    views = training_steps(make_mlp(), cross_entropy, clusters, config, device="cpu")
    assert next(views).row.learning_rate == pytest.approx(0.1 / 3)  # the first of three warm-up steps


def test_divergence_ends_the_run_cleanly(make_mlp, clusters):
    config = TrainingConfig("sgd", 1e6, epochs=50, batch_size=50, seed=3)
    result = train(make_mlp(), mse_of_classes, clusters, config, device="cpu")
    assert result.status == "diverged"
    assert "Try a lower learning rate" in result.message
    assert result.end is None
    assert 2 <= len(result.history) < 51
    assert all(row.train_loss <= 1000 for row in result.history[:-1])
    assert not result.history[-1].train_loss <= 1000


def mse_of_classes(outputs, targets):
    return mse_loss(outputs, nn.functional.one_hot(targets, 3).to(outputs.dtype))


def test_a_loss_above_the_bound_is_divergence(make_mlp, clusters):
    config = TrainingConfig("sgd", 1e-9, epochs=3, max_loss=0.5)
    result = train(make_mlp(), cross_entropy, clusters, config, device="cpu")
    assert result.status == "diverged"
    assert math.isfinite(result.history[-1].train_loss)
    assert [row.epoch for row in result.history] == [0, 1]


def test_nan_in_training_is_divergence_and_before_it_a_problem(make_mlp, clusters):
    class Explodes(nn.Module):
        def __init__(self, after):
            super().__init__()
            self.inner, self.after, self.calls = make_mlp(), after, 0

        def forward(self, x):
            self.calls += self.training
            return self.inner(x) * (math.nan if self.calls >= self.after else 1.0)

    config = TrainingConfig("adam", 0.01, epochs=5, batch_size=50)
    result = train(Explodes(8), cross_entropy, clusters, config, device="cpu")
    assert result.status == "diverged"
    assert result.history[-1].epoch == 3  # the call after the warm-up and two epochs of three steps
    with pytest.raises(ProblemError, match="nan before training"):
        train(Explodes(0), cross_entropy, clusters, config, device="cpu")


def test_regression_has_no_accuracy(clusters):
    x, _ = clusters.train
    y = x[:, :2] * 2
    dataset = DataSet("line", (x, y), (x[:20], y[:20]), None)
    torch.manual_seed(0)
    config = TrainingConfig("sgd", 0.1, epochs=20, target_accuracy=0.5, target_loss=0.5)
    result = train(nn.Linear(6, 2), mse_loss, dataset, config, device="cpu")
    assert {row.train_accuracy for row in result.history} == {None}
    assert {row.test_accuracy for row in result.history} == {None}
    assert result.speed_to_accuracy is None
    assert result.matched.train_accuracy is None
    assert result.history[-1].train_loss < 0.1


def test_speed_to_accuracy_is_the_first_evaluation_there(make_mlp, clusters):
    config = TrainingConfig("adam", 0.005, epochs=10, batch_size=40)
    probe = train(make_mlp(), cross_entropy, clusters, config, device="cpu").history
    target = max(row.test_accuracy for row in probe)
    config = dataclasses.replace(config, target_accuracy=target)
    result = train(make_mlp(), cross_entropy, clusters, config, device="cpu")
    first = next(row for row in result.history if row.test_accuracy >= target)
    assert first.step != next((row.step for row in probe if row.train_accuracy >= target), None)
    speed = result.speed_to_accuracy
    assert first.step > 0
    assert (speed.epochs, speed.steps, speed.seconds) == (first.epoch, first.step, first.seconds)
    assert speed.examples == first.epoch * 150
    never = train(make_mlp(), cross_entropy, clusters, dataclasses.replace(config, target_accuracy=1.0), device="cpu")
    assert never.speed_to_accuracy is None


def test_cost_counts_the_optimizer_and_not_the_shadow(make_mlp, clusters):
    count = 6 * 16 + 16 + 16 * 3 + 3

    def cost(optimizer, options):
        config = TrainingConfig(optimizer, 0.01, options, epochs=3)
        return train(make_mlp(), cross_entropy, clusters, config, device="cpu").cost

    assert cost("sgd", {"momentum": 0}).optimizer_bytes == 0
    assert cost("sgd", {}).optimizer_bytes == 4 * count
    assert cost("adam", {}).optimizer_bytes == 8 * count + 4 * 4  # a step counter for each of 4 tensors
    assert cost("sgd", {}).parameters == count
    assert cost("sgd", {}).optimizer_bytes_per_parameter == 4.0
    assert cost("sgd", {}).seconds_per_epoch > 0


def test_seconds_per_epoch_is_the_median_without_the_first(make_mlp, clusters, monkeypatch):
    # each stretch reads the clock twice: 100 s, then 1, 2 and 9 s
    clock = iter([0, 100, 100, 101, 101, 103, 103, 112, 0, 50])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    result = train(make_mlp(), cross_entropy, clusters, TrainingConfig("sgd", 0.1, epochs=4), device="cpu")
    assert result.cost.seconds_per_epoch == 2
    assert [row.seconds for row in result.history] == [0, 100, 101, 103, 112]
    result = train(make_mlp(), cross_entropy, clusters, TrainingConfig("sgd", 0.1, epochs=1), device="cpu")
    assert result.cost.seconds_per_epoch == 50


def test_frozen_parameters_stay_and_are_not_counted(make_mlp, clusters):
    model = make_mlp()
    model[0].requires_grad_(False)
    before = weights(model)
    result = train(model, cross_entropy, clusters, TrainingConfig("sgd", 0.1, epochs=2), device="cpu")
    assert torch.equal(model[0].weight, before["0.weight"])
    assert not torch.equal(model[2].weight, before["2.weight"])
    assert result.cost.parameters == 51
    assert len(result.end.optimizer.tensors["momentum_buffer"]) == 51
    with pytest.raises(ProblemError, match="no trainable parameters"):
        train(
            model.requires_grad_(False),
            cross_entropy,
            clusters,
            TrainingConfig("sgd", 0.1, epochs=1),
            device="cpu",
        )


def test_progress_is_reported_in_steps(make_mlp, clusters):
    seen = []
    config = TrainingConfig("sgd", 0.1, epochs=2, batch_size=50)
    train(
        make_mlp(),
        cross_entropy,
        clusters,
        config,
        device="cpu",
        on_progress=lambda *each: seen.append(each),
    )
    assert seen == [(0, 6), (3, 6), (6, 6)]


def test_user_errors_come_as_one_message(make_mlp, clusters):
    config = TrainingConfig("sgd", 0.1, epochs=1)

    def broken(outputs, targets):
        raise RuntimeError("shapes disagree")

    with pytest.raises(ProblemError, match="RuntimeError while evaluating: shapes disagree"):
        train(make_mlp(), broken, clusters, config, device="cpu")
    with pytest.raises(ProblemError, match="one number"):
        train(
            make_mlp(),
            lambda outputs, y: cross_entropy(outputs, y, reduction="none"),
            clusters,
            config,
            device="cpu",
        )
    with pytest.raises(ProblemError, match="while training"):
        train(
            make_mlp(),
            lambda outputs, y: cross_entropy(outputs, y).detach(),
            clusters,
            config,
            device="cpu",
        )
    with pytest.raises(UsageError, match="3 classes"):
        train(nn.Linear(6, 2), cross_entropy, clusters, config, device="cpu")


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_digits_are_learned(optimizer):
    dataset = load_dataset("digits")
    model = build_model("cnn", dataset.input_shape, dataset.num_outputs)
    lr = 0.02 if optimizer == "sgd" else 2e-3
    config = TrainingConfig(optimizer, lr, epochs=12, target_loss=0.1, target_accuracy=0.9)
    result = train(model, cross_entropy, dataset, config, device="cpu")
    assert result.status == "finished"
    assert result.end.test_accuracy > 0.95
    assert -0.5 < result.matched.mismatch <= 0
    assert result.speed_to_accuracy.epochs < 12
