"""How much the loss changes when the parameters do."""

import dataclasses
import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from landscape.errors import ProblemError
from landscape.measures.measurement import Measurement
from landscape.minimum import Minimum
from landscape.problem import Problem


class Change(NamedTuple):
    """L(theta + delta) - L(theta), and the accuracy there (None without classes)."""

    loss: float
    accuracy: float | None


class PerturbedLoss:
    r"""$\delta \mapsto L(\theta + \delta) - L(\theta)$, batch by batch against the loss at the centre.

    Outputs are computed in the problem's precision; the loss of a batch, where it is a criterion, in float64 from
    them, as well as every sum. What rounding of the outputs is left is in `rounding`.

    Args:
        problem: What L is.
        theta: The centre, shape ``(n,)``.

    Attributes:
        forward_passes: Over all examples, so far.
        passes: Backward passes over all examples, so far.
    """

    def __init__(self, problem: Problem, theta: Tensor) -> None:
        self.problem, self.theta = problem, theta.detach()
        self.forward_passes = self.passes = 0
        self._by_outputs = _has_criterion(problem)
        self.double = torch.float32 if problem.device.type == "mps" else torch.float64

    @cached_property
    def centre(self) -> Change:
        """Loss (not a change) and accuracy at theta."""
        losses, accuracy = self._evaluated(self.theta)
        self._losses = losses
        return Change(math.fsum(losses) + self._penalty(self.theta), accuracy)

    @cached_property
    def rounding(self) -> float:
        """How far the loss at theta is from that of the network in float64; 0 for a network in float64."""
        problem = self.problem
        if problem.dtype == torch.float64:
            return 0.0
        loss = self.centre.loss
        if self.double == problem.dtype:
            return 8 * float(torch.finfo(problem.dtype).eps) * abs(loss)
        exact = PerturbedLoss(problem.in_precision(torch.float64), self.theta.double())
        self.forward_passes += 1
        return max(abs(exact.centre.loss - loss), float(torch.finfo(problem.dtype).eps) * abs(loss))

    def __call__(self, delta: Tensor) -> Change:
        """Return the change at theta + delta; delta of shape ``(n,)``, any precision."""
        centre = self.centre
        losses, accuracy = self._evaluated((self.theta.double() + delta.double()).to(self.theta.dtype))
        self._refuse(losses)
        change = math.fsum([*losses, *(-each for each in self._losses)]) + self._penalty_change(delta)
        return Change(change, None if centre.accuracy is None else accuracy)

    def with_gradient(self, delta: Tensor) -> tuple[float, Tensor]:
        """Return the change at theta + delta, and the gradient there, shape ``(n,)``."""
        _ = self.centre
        theta = (self.theta.double() + delta.double()).to(self.theta.dtype)
        leaves = [each.clone().requires_grad_() for each in self.problem.unflatten(theta)]
        losses, total = [], self.problem.weight_decay * theta
        for batch, share in self.problem.batches():
            loss, _ = self._batch(leaves, batch)
            gradient = torch.autograd.grad(loss, leaves, materialize_grads=True)
            total = total + share * self.problem.flatten(gradient)
            losses.append(share * float(loss.detach()))
        self.forward_passes += 1
        self.passes += 1
        self._refuse(losses)
        change = math.fsum([*losses, *(-each for each in self._losses)]) + self._penalty_change(delta)
        return change, total

    def _evaluated(self, theta: Tensor) -> tuple[list[float], float | None]:
        parameters, right = self.problem.unflatten(theta), 0.0
        losses: list[float] = []
        classes = True
        with torch.no_grad():
            for batch, share in self.problem.batches():
                loss, outputs = self._batch(parameters, batch)
                losses.append(share * float(loss.detach()))
                classes = classes and _is_classification(outputs, batch)
                if classes and outputs is not None:
                    right += share * float((outputs.argmax(1) == batch[1]).double().mean())
        self.forward_passes += 1
        return losses, right if classes else None

    def _batch(self, parameters: list[Tensor], batch: Any) -> tuple[Tensor, Tensor | None]:
        """Return the mean loss of a batch in float64 where it can be had, and the outputs."""
        if self._by_outputs and isinstance(batch, tuple | list) and len(batch) == 2:
            outputs = self.problem.batch_outputs(parameters, batch)
            x, y = batch
            y = y.to(self.double) if isinstance(y, Tensor) and y.is_floating_point() else y
            return self.problem.batch_criterion(outputs.to(self.double), (x, y)), outputs
        return self.problem.batch_loss(parameters, batch), None

    @staticmethod
    def _refuse(losses: list[float]) -> None:
        for loss in losses:
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss of a perturbed network is {loss}; a smaller radius may help")

    def _penalty(self, theta: Tensor) -> float:
        return 0.5 * self.problem.weight_decay * float(theta.double().square().sum())

    def _penalty_change(self, delta: Tensor) -> float:
        if not self.problem.weight_decay:
            return 0.0
        d = delta.double()
        return self.problem.weight_decay * float(torch.dot(self.theta.double(), d) + 0.5 * d.square().sum())


def _is_classification(outputs: Tensor | None, batch: Any) -> bool:
    return outputs is not None and outputs.ndim == 2 and not batch[1].is_floating_point() and batch[1].ndim == 1


def _has_criterion(problem: Problem) -> bool:
    try:
        problem.require_criterion()
    except ProblemError:
        return False
    return True


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
