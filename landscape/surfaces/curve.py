"""A curve of low loss between two minima, trained."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.batches import batch_size_of, rows_of
from landscape.errors import UsageError
from landscape.problem import Problem
from landscape.randomness import derive_seed

KINDS = ("straight", "bezier", "polygonal")
BATCH = 128


@dataclass(frozen=True)
class Curve:
    r"""A path from one point to another with one bend.

    $$\text{Bezier: } (1-t)^2\theta_0 + 2t(1-t)\theta_b + t^2\theta_1; \quad
    \text{polygonal: straight to } \theta_b \text{ at } t = 1/2 \text{ and on.}$$

    Attributes:
        kind: ``"straight"``, ``"bezier"`` or ``"polygonal"``.
        start: Shape ``(n,)``.
        end: Shape ``(n,)``.
        bend: Shape ``(n,)``; of no effect on a straight one.
    """

    kind: str
    start: Tensor
    end: Tensor
    bend: Tensor

    def at(self, t: float) -> Tensor:
        """Return the point at t from 0 to 1, shape ``(n,)``; the ends exactly."""
        first, bend, last = self.weights(t)
        theta = first * self.start if first else torch.zeros_like(self.start)
        if bend:
            theta = theta + bend * self.bend
        return theta + last * self.end if last else theta

    def weights(self, t: float) -> tuple[float, float, float]:
        """Return how much of start, bend and end is in the point at t."""
        if self.kind == "straight":
            return 1 - t, 0.0, t
        if self.kind == "bezier":
            return (1 - t) ** 2, 2 * t * (1 - t), t**2
        return max(0.0, 1 - 2 * t), 1 - abs(1 - 2 * t), max(0.0, 2 * t - 1)


def straight(start: Tensor, end: Tensor) -> Curve:
    """Return the straight line."""
    return Curve("straight", start, end, (start + end) / 2)


def train_curve(
    problem: Problem,
    start: Tensor,
    end: Tensor,
    *,
    kind: str = "bezier",
    steps: int = 400,
    lr: float = 2e-3,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Curve:
    r"""Return a curve whose mean loss over t, uniform from 0 to 1, has been lowered by moving its bend.

    Each step draws t and a batch of 128 examples, and Adam moves the bend along the gradient of the loss at the
    curve's point; its rate falls linearly to 0. BatchNorm takes the statistics of the batch.

    Args:
        problem: The training problem.
        start: One minimum, shape ``(n,)``.
        end: The other.
        kind: ``"bezier"`` or ``"polygonal"``.
        steps: Of Adam.
        lr: Its first rate.
        seed: Of t and the batches.
        on_progress: Called with (steps done, steps).

    Raises:
        UsageError: If there is no such kind.

    Cost:
        ``steps`` gradients of a batch.

    References:
        Garipov et al. 2018, "Loss surfaces, mode connectivity, and fast ensembling of DNNs", equations 1 to 4.
    """
    if kind not in KINDS[1:]:
        raise UsageError(f"A trained curve is {' or '.join(KINDS[1:])}, not {kind!r}. Choose one.")
    trained = copy.copy(problem)
    trained.batch_norm = "batch"
    batches = list(trained.batches())
    shares = torch.tensor([share for _, share in batches], dtype=torch.float64)
    generator = torch.Generator().manual_seed(derive_seed(seed, "curve"))
    curve = Curve(kind, start, end, ((start + end) / 2).clone())
    optimizer = torch.optim.Adam([curve.bend.requires_grad_()], lr)
    for step in range(steps):
        t = float(torch.rand((), generator=generator, dtype=torch.float64))
        batch = batches[int(torch.multinomial(shares, 1, generator=generator))][0]
        size = batch_size_of(batch)
        if size > BATCH:
            batch = rows_of(batch, torch.randperm(size, generator=generator)[:BATCH].sort().values)
        leaves = [each.clone().requires_grad_() for each in problem.unflatten(curve.at(t).detach())]
        found = torch.autograd.grad(trained.batch_loss(leaves, batch), leaves, materialize_grads=True)
        curve.bend.grad = curve.weights(t)[1] * problem.flatten(found)
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        optimizer.step()
        if on_progress is not None:
            on_progress(step + 1, steps)
    return Curve(kind, start, end, curve.bend.detach())
