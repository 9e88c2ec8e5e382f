"""The minima that every measure is tested on, with their dense matrices; and what a measure is tested against.

A file ``references_*.py`` beside this one holds ``REFERENCES``: a `Reference` for each measure that it knows. A new
measure needs one, and then runs through the contract of ``test_measures.py``.
"""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from dense_gauss_newton import dense_jacobian, dense_sandwich, softmax_matrices
from dense_oracle import dense_hessian
from torch import nn
from torch.nn import functional as F

from landscape import Minimum, Problem
from landscape.measures.preconditioned_top_eigenvalue import coming_preconditioner
from landscape.minimum import SecondMoment, UpdateRule
from landscape.registry import measures

ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU}


def network(dtype=torch.float64, activation="tanh", hidden=True, classes=3):
    """Return a network of 83 parameters, or a linear one."""
    torch.manual_seed(3)
    if not hidden:
        return nn.Linear(6, classes).to(dtype)
    return nn.Sequential(nn.Linear(6, 8), ACTIVATIONS[activation](), nn.Linear(8, classes)).to(dtype)


def examples(dtype=torch.float64, classes=3):
    """Return 40 examples."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(40, 6, generator=generator, dtype=torch.float64).to(dtype)
    return x, torch.randint(classes, (40,), generator=generator)


def minimum_of(model, data, **options):
    """Return a minimum of which everything is known that a measure can ask for."""
    problem = Problem(model, "cross_entropy", data, **options)
    v = torch.linspace(0.1, 2, problem.num_parameters, dtype=problem.dtype).to(problem.device)
    momentum = torch.linspace(-1, 1, problem.num_parameters, dtype=torch.float64).to(problem.device)
    return Minimum(
        problem,
        problem.theta,
        SecondMoment(v, 20, 0.999, 1e-8, "made for this test"),
        provenance={"learning_rate": 0.1},
        update=UpdateRule(lambda gradient: -0.1 * (0.01 * momentum + gradient.double()), "a step made for this test"),
        initial=problem.theta.flip(0),
    )


@dataclass(frozen=True)
class Case:
    """A minimum in float64 with what can be known of it."""

    activation: str = "tanh"
    hidden: bool = True
    classes: int = 3
    batch_size: int | None = 13

    @cached_property
    def minimum(self):
        return minimum_of(self.model, self.data, batch_size=self.batch_size)

    def on(self, device):
        """Return the same minimum on another device, or itself."""
        if device.type == "cpu":
            return self.minimum
        return minimum_of(self.model, self.data, batch_size=self.batch_size, device=device)

    @cached_property
    def model(self):
        return network(torch.float64, self.activation, self.hidden, self.classes)

    @cached_property
    def data(self):
        return examples(torch.float64, self.classes)

    @cached_property
    def H(self):
        return dense_hessian(self.model, F.cross_entropy, *self.data)

    @cached_property
    def G(self):
        return dense_sandwich(dense_jacobian(self.model, self.data[0]), softmax_matrices(self.model(self.data[0])))

    @cached_property
    def P(self):
        return coming_preconditioner(self.minimum.second_moment, self.minimum.gradient, self.minimum.theta)

    def loss(self, delta):
        """Return the loss at theta + delta."""
        return self.minimum.problem.loss(self.minimum.theta + delta)


@dataclass(frozen=True)
class Reference:
    """What a measure is tested against.

    Attributes:
        value: A case to the exact value.
        options: With which the measure must be as near to it as ``rtol`` in them says.
        quick: Options of the other tests.
        short: Options with which it cannot converge, where there are such.
        activations: Networks on which it is tested.
        random: Whether the value depends on the seed; None where it may or may not.
        free: Whether it costs nothing.
        relative: Whether the error is within ``rtol`` times the value.
        slack: Allowed distance in units of the error (4 for standard errors otherwise).
        split: Relative change that another split into batches may make.
        hidden: Whether the network has a hidden layer.
        classes: Outputs.
    """

    value: Callable[[Case], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=dict)
    short: Mapping[str, Any] | None = None
    activations: tuple[str, ...] = ("tanh", "relu")
    random: bool | None = True
    free: bool = False
    relative: bool = True
    slack: float | None = None
    split: float = 1e-10
    hidden: bool = True
    classes: int = 3

    def case(self, activation, batch_size=13):
        """Return the case of this measure."""
        return Case(activation, self.hidden, self.classes, batch_size)


def all_references():
    """Return the references of all files beside this one, by the name of their measure."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("references_*.py")):
        found.update(importlib.import_module(path.stem).REFERENCES)
    return found


def own_options(name, **options):
    """Return those of some options that a measure has."""
    known = inspect.signature(measures[name].value.compute).parameters
    return {key: each for key, each in options.items() if key in known}
