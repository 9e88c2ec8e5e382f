"""Whether a network is piecewise linear, so that the Hessian's diagonal is that of the Gauss-Newton matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from landscape.batches import batch_size_of, rows_of, spread_rows
from landscape.diagonal.gauss_newton_diagonal import gauss_newton_diagonal, recorded
from landscape.diagonal.graph_of_outputs import why_not_by_graph
from landscape.operators.gauss_newton import GaussNewton
from landscape.operators.hessian import Hessian
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.problem import Problem
from landscape.randomness import derive_seed

_EXAMPLES = 4
_TENSORS = 4


@dataclass(frozen=True)
class PiecewiseLinear:
    """What was found out about a network.

    Attributes:
        holds: Whether the diagonal of H is that of G here.
        why: How it was recognised and checked, or why it does not hold, in words.
        probes: Products on a few examples that the check took.
        difference: The largest relative difference between H and G that the probes showed.
    """

    holds: bool
    why: str
    probes: int = 0
    difference: float = 0.0


def check_piecewise_linear(problem: Problem, theta: torch.Tensor | None = None, *, seed: int = 0) -> PiecewiseLinear:
    r"""Return whether the diagonal of the Hessian is that of the Gauss-Newton matrix at this point.

    Where outputs are piecewise linear in each layer's parameters (ReLU, max-pooling, BatchNorm in evaluation mode,
    each parameter used once), $v^\top (H - G) v = 0$ for every v on one parameter tensor. The functions that the
    forward pass calls and the operations in the graph behind the outputs are recognised; then, on a few examples in
    float64, examples are seen to be on their own, and random v on some parameter tensors and single coordinates
    are tried.

    Args:
        problem: Its loss must be a criterion.
        theta: The point, shape ``(n,)``; the model's own parameters by default.
        seed: Of the probes.

    Cost:
        A forward pass, and 12 products on 4 examples; some 11 vectors of length n in float64 at a time.
    """
    theta = (problem.theta if theta is None else theta).detach()
    batch = spread_rows(next(problem.batches())[0], _EXAMPLES)
    why_not = why_not_by_functions(problem, theta, batch)
    if why_not:
        return PiecewiseLinear(False, why_not)
    dtype = torch.float32 if problem.device.type == "mps" else torch.float64
    small = problem.with_data([batch], dtype=dtype)
    why_not = _why_examples_mix(small, theta.to(dtype))
    if why_not:
        return PiecewiseLinear(False, why_not)
    difference, probes = _difference(small, theta.to(dtype), seed)
    tolerance = 1e4 * torch.finfo(dtype).eps
    if difference > tolerance:
        return PiecewiseLinear(
            False, f"probes differ by {difference:.2g} though every function looks so", probes, difference
        )
    examples = batch_size_of(batch)
    why = f"piecewise linear by its functions; {probes} probes on {examples} examples agree to {difference:.1g}"
    return PiecewiseLinear(True, why, probes, difference)


def why_not_by_functions(problem: Problem, theta: torch.Tensor, batch: Any = None) -> str:
    """Return which function in the forward pass is not piecewise linear, in words; "" where all look so.

    Args:
        problem: Its loss must be a criterion.
        theta: The point, shape ``(n,)``.
        batch: Of examples; a few of the first batch when None.

    Cost:
        A forward pass on it.
    """
    batch = spread_rows(next(problem.batches())[0], _EXAMPLES) if batch is None else batch
    leaves = [each.clone().requires_grad_() for each in problem.unflatten(theta)]
    outputs, record = recorded(problem, leaves, batch)
    why_not = record.why_not_by_layers(problem.parameter_names)
    if record.curved and not why_not:
        why_not = f"{record.curved[0]} is not piecewise linear"
    return why_not or why_not_by_graph(outputs, leaves, {use.parameter for use in record.uses})


def _why_examples_mix(problem: Problem, theta: torch.Tensor) -> str:
    """Return why examples are not on their own, in the outputs or in the loss, or ""."""
    parameters = problem.unflatten(theta)
    batch, _ = next(problem.batches())
    rows = [rows_of(batch, torch.tensor([index])) for index in range(batch_size_of(batch))]
    with torch.no_grad():
        outputs = problem.batch_outputs(parameters, batch)
        alone = torch.cat([problem.batch_outputs(parameters, row) for row in rows])
        loss = problem.batch_criterion(outputs, batch)
        mean = torch.stack([problem.batch_criterion(f[None], row) for f, row in zip(outputs, rows, strict=True)]).mean()
    tolerance = 1e4 * torch.finfo(theta.dtype).eps
    if not float((outputs - alone).norm()) <= tolerance * float(outputs.norm()):
        return "the outputs of one example depend on the others"
    # not a number where an example has no target that counts
    if not abs(float(loss - mean)) <= tolerance * abs(float(loss)):
        return "the loss is not the mean of the examples' own"
    return ""


def _difference(problem: Problem, theta: torch.Tensor, seed: int) -> tuple[float, int]:
    """Return the largest difference of v'Hv and v'Gv, and of H_ii and G_ii, relative to their sizes; and products."""
    starts = [0, *torch.tensor(problem.sizes).cumsum(0).tolist()]
    generator = torch.Generator().manual_seed(derive_seed(seed, "piecewise linear"))
    others = 1 + torch.randperm(len(problem.sizes) - 1, generator=generator)[: _TENSORS - 1]
    blocks = [slice(starts[index], starts[index + 1]) for index in (0, *others.tolist())]
    probes = [torch.randn(b.stop - b.start, generator=generator, dtype=theta.dtype).to(theta.device) for b in blocks]
    diagonal = gauss_newton_diagonal(problem, theta)
    places = [block.start + int(diagonal[block].argmax()) for block in blocks]
    singles = diagonal[places].tolist()
    # one thing after another: each is as long as theta, in float64
    del diagonal
    units = [slice(at, at + 1) for at in places]
    H = Hessian(problem, theta, product="double backward")
    of_H = _forms(H, [*blocks, *units], [*probes, *[theta.new_ones(1)] * len(units)])
    del H
    of_G = _forms(GaussNewton(problem, theta), blocks, probes)
    tiny, worst = torch.finfo(theta.dtype).tiny, 0.0
    for index, (v, (vGv, Gv), G_ii) in enumerate(zip(probes, of_G, singles, strict=True)):
        (vHv, Hv), (H_ii, H_i) = of_H[index], of_H[len(blocks) + index]
        size, single = max(float(v.norm()) * max(Hv, Gv), tiny), max(abs(G_ii), H_i, tiny)
        worst = max(worst, abs(vHv - vGv) / size, abs(H_ii - G_ii) / single)
    return worst, 3 * len(blocks)


def _forms(
    operator: SymmetricOperator, blocks: Sequence[slice], values: Sequence[torch.Tensor]
) -> list[tuple[float, float]]:
    """Return v'Av and |Av| of vectors v that are zero outside of a block."""
    found = []
    for block, each in zip(blocks, values, strict=True):
        v = each.new_zeros(operator.shape[0])
        v[block] = each
        Av = operator @ v
        found.append((float(each @ Av[block]), float(Av.norm())))
    return found
