"""Runs trained together as one batched model are the runs trained one by one."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from landscape.data import load_dataset
from landscape.errors import UsageError
from landscape.models import build_model
from landscape.training import TrainingConfig, train
from landscape.training.population import train_population, why_not_together

OPTIMIZERS = {
    "sgd": (0.02, 0.1), "heavy_ball": (0.02, 0.1), "nesterov": (0.02, 0.1), "adam": (0.002, 0.01),
    "adamw": (0.002, 0.01), "nadam": (0.002, 0.01), "radam": (0.01, 0.05),
    "rmsprop": (0.001, 0.003), "adagrad": (0.02, 0.1),
}  # fmt: skip
OPTIONS = {"sgd": {"momentum": 0, "weight_decay": 0.01}, "adam": {"weight_decay": 0.01}, "rmsprop": {"momentum": 0.5}}


def perceptron(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3))


def both(make, dataset, configs, dtype=torch.float64, device="cpu", **options):
    """Return the results one by one and those together, each with what was handed out along the way."""
    alone, handed_out = [], []
    for number, config in enumerate(configs):
        kept = {}
        own = {**options, "on_checkpoint": kept.__setitem__}
        result = train(make(config.seed), cross_entropy, dataset, config, device=device, dtype=dtype, **own)
        alone.append(result)
        handed_out += [(number, step, each) for step, each in kept.items()]
    points = []
    together = train_population(
        [make(config.seed) for config in configs], cross_entropy, dataset, configs, device=device, dtype=dtype,
        on_checkpoint=lambda *point: points.append(point), **options,
    )  # fmt: skip
    return (alone, handed_out), (together, sorted(points, key=lambda point: point[:2]))


def close(a, b, rtol=1e-9):
    return a.keys() == b.keys() and all(
        torch.linalg.vector_norm(a[name] - b[name]) <= rtol * torch.linalg.vector_norm(a[name]) + 1e-12 for name in a
    )


def assert_same_run(a, b):
    assert (a.status, a.message) == (b.status, b.message)
    assert len(a.history) == len(b.history)
    for mine, theirs in zip(a.history, b.history, strict=True):
        for field in dataclasses.fields(mine):
            x, y = getattr(mine, field.name), getattr(theirs, field.name)
            if field.name != "seconds":
                assert (x is None and y is None) or x == pytest.approx(y, rel=1e-9, nan_ok=True), field.name
    for x, y in ((a.matched, b.matched), (a.end, b.end)):
        assert (x is None) == (y is None)
        if x is None:
            continue
        assert (x.step, x.epoch, x.examples, x.note) == (y.step, y.epoch, y.examples, y.note)
        assert close(x.state_dict, y.state_dict)
        assert close(x.optimizer.tensors, y.optimizer.tensors)
        assert (x.optimizer.name, x.optimizer.options, x.optimizer.lr, x.optimizer.step) == (
            y.optimizer.name, y.optimizer.options, y.optimizer.lr, y.optimizer.step
        )  # fmt: skip
    assert a.cost.optimizer_bytes == b.cost.optimizer_bytes
    for x, y in ((a.speed_to_loss, b.speed_to_loss), (a.speed_to_accuracy, b.speed_to_accuracy)):
        assert x is y is None or (x.steps, x.examples) == (y.steps, y.examples)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_together_is_one_by_one_to_rounding_for_50_steps(name, clusters, device):
    configs = [
        TrainingConfig(
            name, lr, OPTIONS.get(name, {}), steps=50, batch_size=16, seed=seed, schedule="cosine", warmup=5,
            clip_norm=0.5, target_loss=0.95, target_accuracy=0.6,
        )
        for seed in (0, 1)
        for lr in OPTIMIZERS[name]
    ]  # fmt: skip
    (alone, points), (together, same_points) = both(perceptron, clusters, configs, device=device, keep=3)
    for a, b in zip(alone, together, strict=True):
        assert_same_run(a, b)
    assert len({result.history[-1].train_loss for result in alone}) == 4
    assert any(result.matched is not None for result in alone)
    assert [point[:2] for point in points] == [point[:2] for point in same_points]
    assert all(close(a[2], b[2]) for a, b in zip(points, same_points, strict=True))


def test_convolutions_full_batch_in_chunks_and_a_frozen_layer(device):
    digits = load_dataset("digits", train_examples=60)

    def make(seed):
        model = build_model("cnn", digits.input_shape, 10, options={"channels": "4,6"}, seed=seed)
        model[0].bias.requires_grad_(False)
        return model

    configs = [
        TrainingConfig("heavy_ball", 0.1, batch_size=None, steps=8, seed=seed, max_batch=25) for seed in range(3)
    ]
    (alone, _), (together, _) = both(make, digits, configs, device=device)
    for a, b in zip(alone, together, strict=True):
        assert_same_run(a, b)


def test_a_run_that_diverges_leaves_the_others_as_they_are(clusters, device):
    configs = [TrainingConfig("sgd", lr, epochs=4, batch_size=32) for lr in (0.05, 1e4, 3e4, 0.1)]
    (alone, _), (together, _) = both(perceptron_without_norm, clusters, configs, device=device)
    assert [result.status for result in alone] == ["finished", "diverged", "diverged", "finished"]
    for a, b in zip(alone, together, strict=True):
        assert (a.status, len(a.history)) == (b.status, len(b.history))
    for index in (0, 3):
        assert_same_run(alone[index], together[index])
    # one left, when the others have gone
    (alone, _), (together, _) = both(perceptron_without_norm, clusters, configs[:2], device=device)
    assert_same_run(alone[0], together[0])


def perceptron_without_norm(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 3))


def test_what_cannot_be_batched_is_said_and_left_as_it_was(clusters, make_noisy):
    def why(make, name="sgd", **keys):
        configs = [TrainingConfig(name, 0.1, epochs=1, **keys) for _ in range(2)]
        models = [make(), make()]
        before = [{key: each.clone() for key, each in model.state_dict().items()} for model in models]
        modes = [module.training for model in models for module in model.modules()]
        torch.manual_seed(5)
        state = torch.get_rng_state()
        said = why_not_together(models, cross_entropy, clusters, configs, device="cpu")
        assert torch.equal(torch.get_rng_state(), state)
        assert [module.training for model in models for module in model.modules()] == modes
        for model, kept in zip(models, before, strict=True):
            assert all(torch.equal(each, kept[key]) for key, each in model.state_dict().items())
            assert all(each.grad is None for each in model.parameters())
        return said

    assert why(lambda: perceptron(0)) == ""
    assert "BatchNorm" in why(make_noisy)
    assert "dropout" in why(lambda: nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.3), nn.Linear(8, 3)))
    for name in ("muon", "sam", "asam", "torch:Adafactor"):
        assert name in why(lambda: perceptron(0), name)
    assert "lbfgs" in why(lambda: perceptron(0), "lbfgs", batch_size=None)
    assert "--amp" in why(lambda: perceptron(0), amp="bf16")

    class Branching(nn.Linear):
        def forward(self, x):
            return super().forward(x if x.mean() > 0 else -x)

    class Foreign(nn.Linear):
        """Weights that lie outside the state dict and differ from model to model."""

        def __init__(self):
            super().__init__(6, 3)
            self.hidden = [torch.randn(6)]

        def forward(self, x):
            return super().forward(x * self.hidden[0])

    assert "cannot batch" in why(lambda: Branching(6, 3))
    assert "not that of the network alone" in why(Foreign)


def test_configurations_that_differ_in_more_are_refused(clusters):
    configs = [TrainingConfig("sgd", 0.1, epochs=1), TrainingConfig("sgd", 0.1, {"momentum": 0}, epochs=1)]
    with pytest.raises(UsageError, match="optimizer_options"):
        train_population([perceptron(0), perceptron(1)], cross_entropy, clusters, configs, device="cpu")
    with pytest.raises(UsageError, match="no members"):
        train_population([], cross_entropy, clusters, [], device="cpu")
