"""Rescalings and permutations that are found leave the function as it is; what is not understood is refused by name."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape import Problem
from landscape.models import build_model
from landscape.symmetries import NotUnderstoodError, find_neurons, permuted, rescaled
from landscape.symmetries.apply import normalized_layer_rescaled
from landscape.symmetries.disjoint_sets import DisjointSets


class Branches(nn.Module):
    """Grouped convolutions, concatenation, slices, padded channels, scaling by constants, clamping at zero."""

    def __init__(self):
        super().__init__()
        self.first, self.depthwise = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, groups=6, padding=1)
        self.grouped, self.norm, self.last = nn.Conv2d(6, 4, 1, groups=2), nn.BatchNorm2d(4), nn.Linear(10, 5)

    def forward(self, x):
        a = (2 * x - 1) if x.is_floating_point() else x
        a = self.first(a).relu() * 0.5
        b = F.leaky_relu(self.depthwise(a)) + a
        c = self.norm(self.grouped(b)).clamp(min=0)
        d = torch.cat([c[:, :2], F.pad(c[:, 2:], (0, 0, 0, 0, 1, 1)), a[:, ::3], -a[:, 1:3]], 1)
        return self.last(F.avg_pool2d(d, 2).mean((2, 3)))


def seeded(name, shape, options):
    torch.manual_seed(0)
    model = Branches() if name == "branches" else build_model(name, shape, 5, options=options)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_()
    return model.double()


def problem_of(name, shape=(3, 8, 8), device=None, **options):
    x = torch.randn(4, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return Problem(seeded(name, shape, options), "cross_entropy", (x, torch.arange(4)), device=device)


def outputs(problem, theta):
    with torch.no_grad():
        return torch.cat([problem.batch_outputs(problem.unflatten(theta), batch) for batch, _ in problem.batches()])


NETWORKS = {
    "mlp": ({"widths": (7, 6), "activation": "relu"}, 13),
    "cnn": ({"channels": (4, 6)}, 10),
    "vgg11": ({"width": 2}, 86),
    "resnet20": ({"width": 4}, 100),
    "resnet18": ({"width": 2}, 90),
    "branches": ({}, 10),
}


@pytest.mark.parametrize("name", NETWORKS)
class TestFunctionStays:
    def test_under_rescaling_of_every_free_neuron(self, name, device):
        options, free = NETWORKS[name]
        problem = problem_of(name, device=device, **options)
        neurons = find_neurons(problem)
        assert neurons.free == free
        z = np.zeros(neurons.count)
        chosen = np.concatenate(neurons.groups)
        z[chosen] = np.random.default_rng(0).normal(size=len(chosen))
        moved, f = rescaled(problem, problem.theta, neurons, z), outputs(problem, problem.theta)
        assert float((moved - problem.theta).norm() / problem.theta.norm()) > 0.2
        torch.testing.assert_close(outputs(problem, moved), f, rtol=1e-11, atol=1e-12)

    def test_under_permutation(self, name, device):
        problem = problem_of(name, device=device, **NETWORKS[name][0])
        neurons = find_neurons(problem)
        other, moved = permuted(problem, problem.theta, neurons, seed=3)
        # groups of channels that are convolved together stay as they are
        assert bool(neurons.interchangeable) == (name != "branches")
        assert name == "branches" or float((moved - problem.theta).norm() / problem.theta.norm()) > 0.2
        torch.testing.assert_close(outputs(other, moved), outputs(problem, problem.theta), rtol=1e-11, atol=1e-12)

    def test_logits_scale_alone(self, name, device):
        problem = problem_of(name, device=device, **NETWORKS[name][0])
        neurons = find_neurons(problem)
        z = np.zeros(neurons.count)
        z[neurons.outputs] = np.log(3)
        moved = rescaled(problem, problem.theta, neurons, z)
        torch.testing.assert_close(outputs(problem, moved), 3 * outputs(problem, problem.theta), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("name", "count"), [("resnet20", 19), ("vgg11", 8), ("branches", 1)])
def test_layers_before_batch_norm_scale_with_its_statistics(name, count, device):
    problem = problem_of(name, device=device, **NETWORKS[name][0])
    before = {key: each.clone() for key, each in problem.model.state_dict().items()}
    neurons = find_neurons(problem)
    assert len(neurons.normalized) == count
    for layer in neurons.normalized[:3]:
        other, moved = normalized_layer_rescaled(problem, problem.theta, layer, 10.0)
        torch.testing.assert_close(outputs(other, moved), outputs(problem, problem.theta), rtol=1e-11, atol=1e-12)
    assert all(torch.equal(before[key], each) for key, each in problem.model.state_dict().items())


def test_a_scale_that_is_not_free_would_move_the_function():
    """Breaking it: one neuron's incoming weights alone, not what leads out of it."""
    problem = problem_of("mlp", widths=(7, 6), activation="relu")
    neurons = find_neurons(problem)
    first = neurons.scales[0]
    neurons.scales[2] = type(first)(neurons.scales[2].up, np.zeros_like(neurons.scales[2].down))
    z = np.zeros(neurons.count)
    z[neurons.groups[0][0]] = 1.0
    moved = rescaled(problem, problem.theta, neurons, z)
    assert float((outputs(problem, moved) - outputs(problem, problem.theta)).abs().max()) > 1e-3


@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_activations_that_are_not_homogeneous_hold_scales_but_permute(activation):
    problem = problem_of("mlp", widths=(7, 6), activation=activation)
    neurons = find_neurons(problem)
    assert neurons.free == 0
    assert neurons.fixed == (activation,)
    assert sorted(map(len, neurons.interchangeable)) == [6, 7]
    other, moved = permuted(problem, problem.theta, neurons, seed=0)
    torch.testing.assert_close(outputs(other, moved), outputs(problem, problem.theta), rtol=1e-12, atol=1e-13)


SMALL = {"dim": 8, "depth": 1, "heads": 2}


class Gated(nn.Sequential):
    def forward(self, x):
        return self[0](x) * self[1](x)


class Softmaxed(nn.Sequential):
    def forward(self, x):
        return self[1](self[0](x).softmax(-1))


class Tied(nn.Sequential):
    def forward(self, x):
        return self[0](self[0](x))


class Shifted(nn.Linear):
    def forward(self, x):
        return F.linear(x, self.weight) + self.bias.view(1, -1)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            lambda: build_model("vit", (3, 8, 8), 5, options={"dim": 8, "depth": 1, "heads": 2}),
            r"attention \(softmax\)",
        ),
        (lambda: nn.Sequential(Attends(), nn.Flatten(), nn.Linear(192, 5)), "multi_head_attention_forward"),
        (lambda: nn.Sequential(nn.Flatten(), Gated(nn.Linear(192, 5), nn.Linear(192, 5))), "mul of two activations"),
        (lambda: nn.Sequential(nn.Flatten(), Softmaxed(nn.Linear(192, 5), nn.Linear(5, 5))), "softmax"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 5), Tied(nn.Linear(5, 5))), "used more than once"),
        (lambda: nn.Sequential(nn.Flatten(), Shifted(192, 5)), "parameter 1.bias is used by view"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(model, words):
    torch.manual_seed(0)
    problem = Problem(model(), "cross_entropy", (torch.randn(4, 3, 8, 8), torch.arange(4)))
    with pytest.raises(NotUnderstoodError, match=words) as caught:
        find_neurons(problem)
    assert "Supported: linear and convolutional layers" in str(caught.value)


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        rows = x.flatten(1, 2)
        return self.inner(rows, rows, rows)[0]


def test_batch_statistics_are_refused():
    model, x = seeded("resnet20", (3, 8, 8), {"width": 2}), torch.randn(4, 3, 8, 8, dtype=torch.float64)
    problem = Problem(model, "cross_entropy", (x, torch.arange(4)), batch_norm="batch")
    with pytest.raises(NotUnderstoodError, match="statistics of each batch"):
        find_neurons(problem)


def test_frozen_layers_keep_their_scale():
    model = seeded("mlp", (3, 8, 8), {"widths": (7, 6), "activation": "relu"})
    model[1].weight.requires_grad_(False)
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    problem = Problem(model, "cross_entropy", (x, torch.arange(4)))
    neurons = find_neurons(problem)
    assert neurons.free == 6
    z = np.zeros(neurons.count)
    z[neurons.groups[0]] = 1.0
    torch.testing.assert_close(
        outputs(problem, rescaled(problem, problem.theta, neurons, z)), outputs(problem, problem.theta)
    )


def test_disjoint_sets_keep_the_name_zero():
    sets = DisjointSets()
    a, b = sets.new(3), sets.new(3)
    sets.join(a, b)
    sets.join(b[1:2], np.zeros(1, int))
    assert sets.names().tolist() == [0, 1, 0, 3, 1, 0, 3]
