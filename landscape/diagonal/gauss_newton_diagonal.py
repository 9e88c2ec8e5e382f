"""The diagonal of the Gauss-Newton matrix, exactly, from the squared gradients of single examples."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from landscape.batches import batch_size_of, spread_rows
from landscape.diagonal.layer_record import LayerRecord, RecordLayers
from landscape.diagonal.output_factors import exact_factors
from landscape.errors import ProblemError
from landscape.full_precision import full_precision
from landscape.operators.held_batches import default_memory
from landscape.operators.own_parts import OwnParts
from landscape.operators.predictive import predictive_precision, scores_of_draws
from landscape.problem import Problem
from landscape.randomness import derive_seed

Factors = Callable[[Tensor, Tensor, int], Tensor]
"""(outputs (n, ...), targets, examples before these) to columns (c, n, ...)."""

_VECTORS = 8
"""Of length n, in the problem's precision: the point, and the sums in float64 as parameters and as one vector."""


@dataclass(frozen=True)
class Squares:
    r"""Squared gradients of single examples, summed over the columns of a factor of the output matrix.

    Attributes:
        diagonal: Of $\frac1N \sum_n J_n^\top S_n S_n^\top J_n$, shape ``(n,)``, float64, weight decay included.
        by_example: $|J_n^\top S_n|^2$ of each example, shape ``(N,)``, float64.
        passes: Backward passes over all the examples.
    """

    diagonal: Tensor
    by_example: Tensor
    passes: int


def gauss_newton_diagonal(problem: Problem, theta: Tensor | None = None, *, memory: int | None = None) -> Tensor:
    r"""Return the diagonal of the Gauss-Newton matrix, exactly, shape ``(n,)``, float64.

    $$G_{ii} = \frac1N \sum_n \sum_c \Bigl(\frac{\partial}{\partial\theta_i} \langle f_n, s_{nc} \rangle\Bigr)^2,
    \qquad \nabla_f^2 \ell_n = \sum_c s_{nc} s_{nc}^\top.$$

    Args:
        problem: Its loss must be a criterion, its parameters those of linear, convolutional, embedding and
            normalisation layers, each used once.
        theta: The point, shape ``(n,)``; the model's own parameters by default.
        memory: Bytes for gradients at layers' outputs and vectors of length n, one example's gradients in any case;
            half of what is free when None.

    Cost:
        One backward pass an output (one fewer for cross-entropy), each with gradients of single examples:
        counted in convolutions 2 a pass, where a gradient is 3.

    Raises:
        ProblemError: If a parameter is used in another way, or the loss is not convex in the outputs.

    References:
        Dangel, Kunstner, Hennig 2020, "BackPACK: packing more into backprop", section 2 (DiagGGN).
    """
    return gauss_newton_squares(problem, theta, memory=memory).diagonal


def gauss_newton_squares(problem: Problem, theta: Tensor | None = None, *, memory: int | None = None) -> Squares:
    """Return what `gauss_newton_diagonal` returns, with each example's part and the number of passes."""
    return squares(problem, theta, lambda f, y, _: exact_factors(problem, f, y), memory=memory)


def gauss_newton_trace(problem: Problem, theta: Tensor | None = None, *, memory: int | None = None) -> float:
    """Return the trace of the Gauss-Newton matrix, exactly; as `gauss_newton_diagonal`."""
    return float(gauss_newton_diagonal(problem, theta, memory=memory).sum())


def sampled_squares(
    problem: Problem, theta: Tensor | None = None, *, seed: int = 0, index: int = 0, memory: int | None = None
) -> Squares:
    r"""Return squared gradients with targets drawn from the model: unbiased for `gauss_newton_squares`, in one pass.

    Args:
        problem: Its loss must stand for a distribution: ``cross_entropy``, ``half_squared`` or ``mse``.
        theta: The point, shape ``(n,)``; the model's own parameters by default.
        seed: Of the targets.
        index: Which draw; draws are independent, each example's own the same for any batches.
        memory: Bytes for gradients at layers' outputs; half of what is free when None.

    Raises:
        ProblemError: If a parameter is used in a way not known here, or the loss stands for no distribution.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "sampled targets", index))
    drawn: list[Tensor] = []

    def factor(outputs: Tensor, _: Tensor, before: int) -> Tensor:
        precision = predictive_precision(problem, outputs)
        if not drawn:
            # a row an example of the whole set, so that they are the same however the set is cut
            uniform, shape = precision is None, (problem.num_examples, *outputs.shape[1:])
            made = torch.rand(shape[0], generator=generator, dtype=torch.float64) if uniform else None
            drawn.append(torch.randn(shape, generator=generator, dtype=torch.float64) if made is None else made)
        return scores_of_draws(outputs, precision, drawn[0][before : before + len(outputs)])[None]

    return squares(problem, theta, factor, memory=memory)


def output_dimension(problem: Problem) -> int:
    """Return how many outputs an example has."""
    batch = spread_rows(next(problem.batches())[0], 2)
    with torch.no_grad():
        outputs = problem.batch_outputs(problem.unflatten(problem.theta), batch)
    return math.prod(outputs.shape[1:])


def squares(problem: Problem, theta: Tensor | None, factors: Factors, *, memory: int | None = None) -> Squares:
    """Return the squared gradients of single examples for columns given as a function of outputs and targets.

    Raises:
        ProblemError: If they cannot be had layer by layer.
    """
    theta = (problem.theta if theta is None else theta).detach()
    leaves = [each.clone().requires_grad_() for each in problem.unflatten(theta)]
    memory = default_memory(problem.device) if memory is None else memory
    totals = [torch.zeros(shape, dtype=torch.float64, device=problem.device) for shape in problem.shapes]
    by_example: list[Tensor] = []
    passes = 0
    with problem.ranks.own_work() as own, full_precision(problem.tf32):
        own_vectors = _VECTORS * problem.num_parameters * problem.dtype.itemsize
        for piece, before in _pieces(problem, leaves, memory - own_vectors):
            passes, of_examples = _add_squares(problem, leaves, piece, factors, before, totals)
            by_example.append(of_examples)
    total = torch.cat([each.reshape(-1) for each in problem.ranks.add_all(totals, own)])
    totals.clear()
    passes = round(float(problem.ranks.gather([passes]).max()))
    every = problem.ranks.concatenate(torch.cat([*by_example, total.new_zeros(0)]))
    return Squares(total.div_(problem.num_examples).add_(problem.weight_decay), every, passes)


def recorded(problem: Problem, leaves: Sequence[Tensor], batch: Any) -> tuple[Tensor, LayerRecord]:
    """Return the outputs of a batch and what the forward pass did.

    Raises:
        ProblemError: If the batch is no pair (x, y).
    """
    problem.require_criterion()
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise ProblemError("Gradients of single examples need batches (x, y).")
    layers = RecordLayers(leaves)
    with layers:
        outputs = problem.batch_outputs(leaves, batch)
    layers.record.examples = batch_size_of(batch)
    return outputs, layers.record


def _add_squares(
    problem: Problem,
    leaves: Sequence[Tensor],
    batch: tuple[Any, Tensor],
    factors: Factors,
    before: int,
    totals: list[Tensor],
) -> tuple[int, Tensor]:
    """Add the sums over a batch to ``totals``; return the number of columns and each example's own sum."""
    outputs, record = recorded(problem, leaves, batch)
    _refuse(problem, record)
    flat = outputs.reshape(len(outputs), -1)
    columns = factors(outputs.detach(), batch[1], before)
    columns = columns.reshape(*columns.shape[:2], -1)
    own = torch.zeros(len(flat), dtype=torch.float64, device=problem.device)
    edges = list(dict.fromkeys(use.edge for use in record.uses))
    pulled = [
        torch.autograd.grad(flat, edges, column, retain_graph=True, allow_unused=True) for column in columns.unbind(0)
    ]
    for edge, gradients in zip(edges, zip(*pulled, strict=True), strict=True):
        # an output that nothing depends on has no gradient
        found = [each for each in gradients if isinstance(each, Tensor)]
        for use in record.uses:
            if use.edge == edge and found:
                summed, single = use.gradients(torch.stack(found))
                totals[use.parameter] += summed.view_as(totals[use.parameter])
                own += single
    return len(columns), own


def _refuse(problem: Problem, record: LayerRecord) -> None:
    why_not = record.why_not_by_layers(problem.parameter_names)
    if not why_not and any(use.input._version != use.version for use in record.uses):
        why_not = "the input of a layer was overwritten in place"
    if why_not:
        raise ProblemError(f"The diagonal cannot be had layer by layer: {why_not}. Use method 'hutchinson'.")


def _pieces(problem: Problem, leaves: Sequence[Tensor], memory: int) -> Iterator[tuple[tuple[Any, Tensor], int]]:
    """Go through (piece, examples before it), such that the gradients of all columns of one fit into the memory."""
    most = 0
    for batch, _, before in OwnParts(problem):
        if not most:
            most = _fitting(problem, leaves, batch, memory)
        size, start = batch_size_of(batch), 0
        while start < size:
            rest = tuple(each[start : start + most] for each in batch)
            yield (rest[0], rest[1]), before + start
            start += most


def _fitting(problem: Problem, leaves: Sequence[Tensor], batch: Any, memory: int) -> int:
    """Return how many examples at once stay within the memory, and within the caches' reach."""
    outputs, record = recorded(problem, leaves, spread_rows(batch, 2))
    # two examples and then many: a first dimension that is not the examples' cannot pass for it both times
    _refuse(problem, record)
    columns = math.prod(outputs.shape[1:])
    floats = sum(use.input.numel() for use in record.uses) // 2
    each = 8 * max(1, floats * (columns + 9))
    return max(1, min(512, memory // each, max(16, 2**26 // each)))
