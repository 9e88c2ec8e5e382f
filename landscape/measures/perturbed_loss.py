"""How much the loss changes when the parameters do."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from landscape.batch_structure import content
from landscape.batches import spread_rows
from landscape.errors import ProblemError
from landscape.forward.decisions import share_right
from landscape.measures.measurement import Measurement
from landscape.minimum import Minimum
from landscape.operators.own_parts import OwnParts, over_all
from landscape.problem import Problem
from landscape.ranks import OwnWork

Criterion = Callable[[Tensor, Tensor], Tensor]


class Change(NamedTuple):
    """L(theta + delta) - L(theta), and the accuracy there (None without classes)."""

    loss: float
    accuracy: float | None


class _Own(NamedTuple):
    """What this process's own examples give: a term of the mean loss for each batch, and the share of right ones."""

    losses: list[float]
    right: float | None
    work: OwnWork


class PerturbedLoss:
    r"""$\delta \mapsto L(\theta + \delta) - L(\theta)$, batch by batch against the loss at the centre.

    Outputs are computed in the problem's precision; the loss of a batch, where it is a criterion, in float64 from
    them, as well as every sum. What rounding of the outputs is left is in `rounding`.

    Args:
        problem: What L is.
        theta: The centre, shape ``(n,)``.
        criterion: A loss of (outputs, targets) in place of the problem's.

    Attributes:
        forward_passes: Over all examples, so far.
        passes: Backward passes over all examples, so far.
    """

    def __init__(self, problem: Problem, theta: Tensor, criterion: Criterion | None = None) -> None:
        self.problem, self.theta = problem, theta.detach()
        self.forward_passes = self.passes = 0
        self._criterion = _criterion_of(problem) if criterion is None else criterion
        self._precise = True
        self._parts = OwnParts(problem)
        self.double = torch.float32 if problem.device.type == "mps" else torch.float64

    @cached_property
    def centre(self) -> Change:
        """Loss (not a change) and accuracy at theta."""
        own = self._evaluated(self.theta)
        loss, accuracy = self._over_all(own, own.losses)
        self._losses = own.losses
        return Change(loss + self._penalty(self.theta), accuracy)

    @cached_property
    def rounding(self) -> float:
        """How far the loss at theta is from that of the network in float64; 0 for a network in float64."""
        problem = self.problem
        if problem.dtype == torch.float64:
            return 0.0
        loss = self.centre.loss
        if self.double == problem.dtype:
            return 8 * float(torch.finfo(problem.dtype).eps) * abs(loss)
        exact = PerturbedLoss(problem.with_dtype(torch.float64), self.theta.double(), self._criterion)
        self.forward_passes += 1
        return max(abs(exact.centre.loss - loss), float(torch.finfo(problem.dtype).eps) * abs(loss))

    def __call__(self, delta: Tensor) -> Change:
        """Return the change at theta + delta; delta of shape ``(n,)``, any precision."""
        centre = self.centre
        own = self._evaluated((self.theta.double() + delta.double()).to(self.theta.dtype))
        change, accuracy = self._change(own, delta)
        return Change(change, None if centre.accuracy is None else accuracy)

    def with_gradient(self, delta: Tensor) -> tuple[float, Tensor]:
        """Return the change at theta + delta, and the gradient there, shape ``(n,)``."""
        _ = self.centre
        theta = (self.theta.double() + delta.double()).to(self.theta.dtype)
        leaves = [each.clone().requires_grad_() for each in self.problem.unflatten(theta)]
        losses, total = [], torch.zeros_like(theta)
        with self.problem.ranks.own_work() as work:
            for batch, share, _ in self._parts:
                loss, _ = self._batch(leaves, batch)
                gradient = torch.autograd.grad(loss, leaves, materialize_grads=True)
                total = total + share * self.problem.flatten(gradient)
                losses.append(share * float(loss.detach()))
        self.forward_passes += 1
        self.passes += 1
        change, _ = self._change(_Own(losses, None, work), delta)
        return change, over_all(self.problem, [total], [theta], work)[0]

    def _evaluated(self, theta: Tensor) -> _Own:
        parameters, losses = self.problem.unflatten(theta), []
        right: float | None = 0.0
        with self.problem.ranks.own_work() as work, torch.no_grad():
            for batch, share, _ in self._parts:
                loss, found = self._batch(parameters, batch)
                losses.append(share * float(loss))
                right = None if right is None or found is None else right + share * found
        self.forward_passes += 1
        return _Own(losses, right, work)

    def _batch(self, parameters: list[Tensor], batch: Any) -> tuple[Tensor, float | None]:
        """Return the mean loss of a batch, in float64 where it can be had, and the share of right decisions."""
        if self._criterion is None:
            return self.problem.batch_loss(parameters, batch), None
        outputs, y = self.problem.batch_outputs(parameters, batch), content(batch)[1]
        if self._precise:
            targets = y.to(self.double) if isinstance(y, Tensor) and y.is_floating_point() else y
            try:
                return self._criterion(outputs.to(self.double), targets), share_right(outputs, y)
            except RuntimeError:
                self._precise = False  # it has tensors of its own, in another precision
        return self._criterion(outputs, y), share_right(outputs, y)

    def _over_all(self, own: _Own, terms: list[float]) -> tuple[float, float | None]:
        """Return the sum of some terms of every process, and the accuracy."""
        # one process without classes: none has any
        right = math.nan if own.right is None else own.right
        found, counted = self.problem.ranks.add_numbers(_sum(terms), right, own=own.work)
        return found, None if math.isnan(counted) else counted

    def _change(self, own: _Own, delta: Tensor) -> tuple[float, float | None]:
        """Return by how much the loss differs from that at the centre, and the accuracy."""
        change, accuracy = self._over_all(own, [*own.losses, *(-each for each in self._losses)])
        if not math.isfinite(change):
            loss, _ = self._over_all(own, own.losses)
            raise FloatingPointError(f"the loss of a perturbed network is {loss}; a smaller radius may help")
        return change + self._penalty_change(delta), accuracy

    def _penalty(self, theta: Tensor) -> float:
        return 0.5 * self.problem.weight_decay * float(theta.double().square().sum())

    def _penalty_change(self, delta: Tensor) -> float:
        if not self.problem.weight_decay:
            return 0.0
        d = delta.double()
        return self.problem.weight_decay * float(torch.dot(self.theta.double(), d) + 0.5 * d.square().sum())


def _sum(values: list[float]) -> float:
    """Return an exact sum, rounded once; NaN or infinite where a term is."""
    return math.fsum(values) if all(map(math.isfinite, values)) else sum(values)


def _criterion_of(problem: Problem) -> Criterion | None:
    """Return the loss of outputs, or None where there is none or the outputs are no single tensor."""
    batch, _ = next(problem.batches())
    try:
        criterion = problem.require_criterion()
        with torch.no_grad():
            problem.batch_outputs(problem.unflatten(problem.theta), spread_rows(batch, 2))
    except ProblemError:
        return None
    return criterion


def perturbed_loss(minimum: Minimum) -> PerturbedLoss:
    """Return the loss around a minimum, with one centre for all measures."""
    return minimum.shared(("loss at the centre",), lambda: PerturbedLoss(minimum.problem, minimum.theta)).value


class Cost:
    """Passes since a moment.

    Args:
        *losses: Whose passes count.
    """

    def __init__(self, *losses: PerturbedLoss) -> None:
        self._losses = losses
        self._before = [(each.forward_passes, each.passes) for each in losses]

    def added(self, measurement: Measurement) -> Measurement:
        """Return the measurement with the passes since."""
        pairs = list(zip(self._losses, self._before, strict=True))
        return dataclasses.replace(
            measurement,
            forward_passes=sum(loss.forward_passes - before[0] for loss, before in pairs),
            passes=sum(loss.passes - before[1] for loss, before in pairs),
        )


def each_radius(radius: float, radii: tuple[float, ...]) -> Iterator[float]:
    """Go through the radii of a sweep, ascending, the headline's among them."""
    yield from sorted({radius, *radii})
