"""A case of the test of any model, its dense reference, and what must be as it was afterwards."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape.batch_structure import map_tensors

CUTS = (0, 1, 4, 9)
"""Where batches of 9 examples are cut: three batches of different sizes."""


def images(channels=2, size=6, classes=3, count=9):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, channels, size, size, generator=generator, dtype=torch.float64)
    return x, torch.randint(classes, (count,), generator=generator)


def rows(features=5, classes=3, count=9):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(count, features, generator=generator, dtype=torch.float64)
    return x, torch.randint(classes, (count,), generator=generator)


def sequences(length=4, features=4, classes=3, count=9):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(count, length, features, generator=generator, dtype=torch.float64)
    return x, torch.randint(classes, (count,), generator=generator)


def tokens(length=5, vocabulary=11, count=9):
    generator = torch.Generator().manual_seed(4)
    x = torch.randint(1, vocabulary, (count, length), generator=generator)
    return x, torch.randint(3, (count,), generator=generator)


def cross_entropy_of(model, batch):
    """The reference of most cases."""
    return F.cross_entropy(model(batch[0]), batch[1])


@dataclass(frozen=True)
class Case:
    """One thing that must work.

    Attributes:
        make: Makes the model, float64, from torch's global seed.
        data: All examples as one batch.
        loss: As a user gives it.
        reference: (model, all examples as one batch) to the loss, in plain torch.
        options: Of `Problem`.
        notes: What must be said, in part.
        original: The plain module of a wrapped model.
        cuts: Where the examples are cut into batches.
        training: Whether the reference is in training mode.
    """

    make: Callable[[], nn.Module]
    data: Callable[[], Any]
    loss: Any = "cross_entropy"
    reference: Callable[[nn.Module, Any], torch.Tensor] = cross_entropy_of
    options: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    original: Callable[[nn.Module], nn.Module] = lambda model: model
    cuts: tuple[int, ...] = CUTS
    training: bool = False

    def batches(self) -> list[Any]:
        whole = self.data()
        return [
            map_tensors(lambda each, a=a, b=b: each[a:b], whole) for a, b in zip(self.cuts, self.cuts[1:], strict=False)
        ]


def dense(case: Case, model: nn.Module, names: tuple[str, ...]) -> torch.Tensor:
    """Return the Hessian by these parameters, row by row by plain double backward in float64."""
    state = case.original(model).state_dict()
    model = case.original(case.make()).double().train(case.training)
    model.load_state_dict(state)
    by_name = dict(model.named_parameters())
    parameters = [by_name[name] for name in names]
    with sdpa_kernel(SDPBackend.MATH):
        loss = case.reference(model, case.data())
    gradient = torch.autograd.grad(loss, parameters, create_graph=True, materialize_grads=True)
    flat = torch.cat([each.reshape(-1) for each in gradient])
    zeros = [torch.zeros_like(each) for each in parameters]
    rows = [
        torch.autograd.grad(each, parameters, retain_graph=True, materialize_grads=True)
        if each.requires_grad
        else zeros
        for each in flat.unbind()
    ]
    return torch.stack([torch.cat([each.reshape(-1) for each in row]) for row in rows])


def snapshot(model: nn.Module) -> dict[str, Any]:
    """Return all that a user could miss, copied."""
    modules = dict(model.named_modules())
    kept = ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_state_dict_hooks")
    return {
        "parameters": {name: each.detach().clone() for name, each in model.named_parameters()},
        "identities": {name: id(each) for name, each in [*model.named_parameters(), *model.named_buffers()]},
        "buffers": {name: each.detach().clone() for name, each in model.named_buffers()},
        "requires_grad": {name: each.requires_grad for name, each in model.named_parameters()},
        "gradients": {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()},
        "modes": {name: each.training for name, each in modules.items()},
        "hooks": {name: [list(getattr(each, kind).values()) for kind in kept] for name, each in modules.items()},
        "attributes": {name: {key: id(value) for key, value in vars(each).items()} for name, each in modules.items()},
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].copy(),
        "python": random.getstate(),
        "grad mode": torch.is_grad_enabled(),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
    }


def same(a: Any, b: Any) -> bool:
    """Return whether two snapshots are identical to the bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a.cpu(), b.cpu())
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    return a == b
