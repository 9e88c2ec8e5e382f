"""A minimum: a problem, a point, the optimizer's state there, and how it came about."""

import dataclasses
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from landscape.operators import GaussNewton, Hessian
from landscape.problem import Problem
from landscape.shared_work import Shared, SharedWork

T = TypeVar("T")

NO_OPTIMIZER_STATE = (
    "there is no optimizer state with this minimum: a run of 'landscape analyze' has it, in optimizer.safetensors "
    "beside its minimum.safetensors (measure the run, not its weights alone); a training of your own keeps it with "
    "torch.save(optimizer.state_dict(), path), and Minimum(..., second_moment=..., update=...) takes it"
)
"""Why a measure in the optimizer's metric has no value."""


@dataclass(frozen=True)
class SecondMoment:
    """A running mean of squared gradients, as Adam and RMSProp keep it.

    Attributes:
        value: v, shape ``(n,)``.
        step: How many gradients it has absorbed; 0 where the optimizer corrects no bias (RMSProp).
        beta2: Its decay.
        eps: What the optimizer adds to its root.
        source: Whose it is, in words: the optimizer's own, or one that was kept beside it.
        weight_decay: Coupled weight decay: v absorbs the gradient plus this times theta.
    """

    value: Tensor
    step: int
    beta2: float
    eps: float
    source: str
    weight_decay: float = 0.0


@dataclass(frozen=True)
class UpdateRule:
    """The step that the optimizer would take next.

    Attributes:
        rule: The gradient at the point, shape ``(n,)``, to the update u, shape ``(n,)``: the step goes to theta + u.
        source: Whose it is, in words.
    """

    rule: Callable[[Tensor], Tensor]
    source: str


@dataclass(frozen=True)
class Minimum:
    """A point of a problem that is to be measured.

    Attributes:
        problem: What the loss is.
        theta: The point, shape ``(n,)``.
        second_moment: The running mean of squared gradients there, where there is one.
        provenance: How it came about (optimizer, learning rate, step ...), for the record.
        memory: Bytes for held graphs and the vectors of a Krylov basis; half of what is free when None.
        update: The optimizer's coming step there, where its state is known.
        initial: The parameters before training, shape ``(n,)``, where they are known.
    """

    problem: Problem
    theta: Tensor
    second_moment: SecondMoment | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    memory: int | None = None
    update: UpdateRule | None = None
    initial: Tensor | None = None
    work: SharedWork = field(default_factory=SharedWork, init=False, repr=False, compare=False)

    @cached_property
    def in_float64(self) -> "Minimum":
        """The same minimum with everything computed in float64, on a copy of the examples."""
        every = [batch for batch, _ in self.problem.batches()]
        exact = self.problem.with_data(every, dtype=torch.float64)
        initial = None if self.initial is None else self.initial.double()
        return dataclasses.replace(self, problem=exact, theta=self.theta.double(), initial=initial)

    def shared(self, key: tuple[Hashable, ...], compute: Callable[[], T]) -> Shared[T]:
        """Return what several measures need, computed by the first of them.

        Args:
            key: What it is, in words, and all that it depends on: seeds, tolerances.
            compute: Makes it, from the minimum and the key alone.
        """
        return self.work.get(key, compute)

    @cached_property
    def hessian(self) -> Hessian:
        """The Hessian at theta, one for all measures, so that they share its linearisation."""
        made = Hessian(self.problem, self.theta, memory=self.memory)
        made.batches.keep_a_part()
        return made

    @cached_property
    def gauss_newton(self) -> GaussNewton:
        """The Gauss-Newton matrix at theta, one for all measures; it shares the Hessian's memory."""
        made = GaussNewton(self.problem, self.theta, memory=self.hessian.batches.memory)
        made.batches.share_with(self.hessian.batches)
        return made

    @cached_property
    def gradient(self) -> Tensor:
        """The gradient at theta over all examples, shape ``(n,)``."""
        return self.problem.gradient(self.theta)
