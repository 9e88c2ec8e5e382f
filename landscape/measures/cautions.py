"""What to mind in the measurements of a minimum: sentences, each with its fix."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from landscape.batches import batch_size_of, rows_of, spread_rows
from landscape.diagonal import has_kinks
from landscape.errors import ProblemError
from landscape.measures.measurement import Measurement
from landscape.measures.shared_lanczos import extreme_eigenpairs
from landscape.minimum import Minimum
from landscape.problem import Problem

FINITE_RADIUS = ("average_sharpness", "worst_case_sharpness", "keskar_sharpness", "low_pass_sharpness", "pac_bayes")
INFINITESIMAL = ("eigenvalue", "trace", "norm", "rank", "log_det", "fisher_rao")
_DROP = 0.01
_SPREAD = 0.1
_PARTS = 8
_TRIED = 32
_ALONG_WEIGHTS = 0.9


def cautions(minimum: Minimum, measured: Mapping[str, Measurement]) -> tuple[str, ...]:
    """Return what to mind in these measurements, a sentence each with its fix.

    Args:
        minimum: What was measured.
        measured: The measurements by name.

    Cost:
        A gradient, a product along it where no top eigenvalue was measured, and a product in eight parts where one
        was; a forward pass on 32 examples where measures that see kinks stand beside some that do not.
    """
    try:
        about_point = (*_not_a_minimum(minimum, measured), *_few_examples(minimum, measured))
    except (ProblemError, FloatingPointError):  # a number could not be had, which its measurement says
        about_point = ()
    return (
        *_unconverged(measured),
        *about_point,
        *_kinks(minimum, measured),
        *_penalty(minimum.problem),
    )


def _unconverged(measured: Mapping[str, Measurement]) -> Iterator[str]:
    for name, each in measured.items():
        if each.value is not None and not each.converged:
            yield (
                f"{name} has not converged: {each.reason.removesuffix('.')}. Its error is what stands beside it; allow "
                f"more work (--measure-option {name}.KEY=VALUE) or a larger rtol."
            )


def _not_a_minimum(minimum: Minimum, measured: Mapping[str, Measurement]) -> Iterator[str]:
    r"""Say so where the gradient promises to lower the loss, by $|g|^2/(2\lambda)$ at a distance of $|g|/\lambda$."""
    g = minimum.gradient.double()
    size, loss = float(g.norm()), minimum.problem.loss(minimum.theta)
    top = measured.get("top_eigenvalue")
    along = top.value if top is not None else None
    curvature = _along(minimum, g) if along is None and size else along
    if not size or not curvature or curvature <= 0 or size**2 / (2 * curvature) <= _DROP * abs(loss):
        return
    drop = size**2 / (2 * curvature)
    which = "the top eigenvalue" if along is not None else "the curvature along it"
    decay = _decay_that_balances(minimum, g)
    fix = "Train on, or say that the number is of a point on the way."
    if decay is not None:
        fix = (
            f"It points along the weights, as weight decay of {decay:.2g} in training leaves it: give "
            f"weight_decay={decay:.2g} (--weight-decay) to measure the loss that was minimised."
        )
    yield (
        f"This is not a minimum: the gradient's norm is {size:.2g}, and with {which} of {curvature:.3g} a step of "
        f"length {size / curvature:.2g} lowers the loss ({loss:.3g}) by about {drop:.2g}. {fix}"
    )


def _along(minimum: Minimum, g: Tensor) -> float:
    unit = (g / g.norm()).to(minimum.theta.dtype)
    return float((unit.double() * (minimum.hessian @ unit).double()).sum())


def _decay_that_balances(minimum: Minimum, g: Tensor) -> float | None:
    """Return the weight decay under which this point would be stationary, where the gradient points against theta."""
    theta = minimum.theta.double()
    size = float(theta.norm())
    if minimum.problem.weight_decay or not size:
        return None
    along = -float(g @ theta) / size
    return along / size if along > _ALONG_WEIGHTS * float(g.norm()) else None


def _few_examples(minimum: Minimum, measured: Mapping[str, Measurement]) -> Iterator[str]:
    """Say so where other examples of the same kind would give another top eigenvalue."""
    top = measured.get("top_eigenvalue")
    if top is None or not top.value or not top.converged:
        return
    pairs, _ = extreme_eigenpairs(minimum, rtol=0.1, max_matvecs=50, seed=top.seed)
    v = pairs.vectors[:, 0]
    spread, parts = spread_over_examples(minimum.problem, minimum.theta, v)
    if spread > _SPREAD * abs(top.value):
        yield (
            f"Few examples: over {parts} parts of these {minimum.problem.num_examples:,} the top eigenvalue's standard "
            f"error is {spread:.2g} ({100 * spread / abs(top.value):.0f} %), so other examples would give another "
            f"number. Take more (--examples), or bracket that of all with landscape.solvers.subset_bracket."
        )


def spread_over_examples(problem: Problem, theta: Tensor, v: Tensor) -> tuple[float, int]:
    r"""Return the standard error over examples of $v^\top H v$, from parts of them, and how many parts there are.

    $$s^2 = \frac{k}{k-1} \sum_{i=1}^k w_i^2 (q_i - q)^2$$

    with $q_i = v^\top H_i v$ of part i, $w_i$ its share of the examples, and q their mean. Infinite for one part.

    Args:
        problem: The loss.
        theta: The point, shape ``(n,)``.
        v: A direction of length 1, shape ``(n,)``, chosen without regard to the parts.

    Cost:
        One product.
    """
    pieces = [piece for batch, _ in problem.batches() for piece in _pieces(batch, problem.num_examples)]
    values, shares = [], []
    for piece, share in problem.with_data(pieces).batches():
        values.append(_quadratic(problem, theta, v, piece))
        shares.append(share)
    q, w = torch.tensor(values, dtype=torch.float64), torch.tensor(shares, dtype=torch.float64)
    count = len(values)
    if count < 2:
        return math.inf, count
    mean = float((w * q).sum())
    return math.sqrt(count / (count - 1) * float((w * (q - mean)).square().sum())), count


def _pieces(batch: object, num_examples: int) -> list[object]:
    """Return a batch as it is, or the rows of it in parts of about an eighth of all examples."""
    size = batch_size_of(batch)
    count = min(size, max(1, round(_PARTS * size / num_examples)))
    if count == 1:
        return [batch]
    return [rows_of(batch, rows) for rows in torch.arange(size).tensor_split(count)]


def _quadratic(problem: Problem, theta: Tensor, v: Tensor, batch: object) -> float:
    leaves = [each.clone().requires_grad_() for each in problem.unflatten(theta.detach())]
    along = problem.unflatten(v.to(theta.device, theta.dtype))
    g = torch.autograd.grad(problem.batch_loss(leaves, batch), leaves, create_graph=True, materialize_grads=True)
    slope = sum(((a * b).sum() for a, b in zip(g, along, strict=True)), torch.zeros((), device=theta.device))
    if not slope.requires_grad:
        return 0.0
    products = torch.autograd.grad(slope, leaves, materialize_grads=True)
    return float(sum((a.double() * b.double()).sum() for a, b in zip(products, along, strict=True)))


def _kinks(minimum: Minimum, measured: Mapping[str, Measurement]) -> Iterator[str]:
    there = [name for name, each in measured.items() if each.value is not None]
    finite = [name for name in there if any(part in name for part in FINITE_RADIUS)]
    local = [name for name in there if name not in finite and any(part in name for part in INFINITESIMAL)]
    if finite and local and _has_kinks(minimum):
        yield (
            f"The network has kinks (ReLU, max-pooling): {finite[0]} sees them and {local[0]} does not, and on such "
            f"networks they differ by 1.4 to 7 times where a smooth one's would agree. Compare each with itself only."
        )


def _has_kinks(minimum: Minimum) -> bool:
    problem = minimum.problem
    leaves = [each.clone().requires_grad_() for each in problem.unflatten(minimum.theta.detach())]
    return has_kinks(problem.batch_loss(leaves, spread_rows(next(problem.batches())[0], _TRIED)))


def _penalty(problem: Problem) -> Iterator[str]:
    if problem.weight_decay:
        yield (
            f"Weight decay of {problem.weight_decay:g} is in the loss: every eigenvalue is that much larger than the "
            f"data's own. Leave it out (weight_decay=0) for the curvature of the data's loss alone."
        )
