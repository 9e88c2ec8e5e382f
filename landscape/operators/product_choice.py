"""Which way to a Hessian-vector product is the best here, among those that are right here."""

import dataclasses
import math
import time
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from landscape.batches import batch_size_of, spread_rows
from landscape.errors import AsymmetryError, UsageError
from landscape.operators.hessian_products import HOLDABLE, KINDS, check_double_backward, check_product
from landscape.operators.linearisation import Linearisation
from landscape.problem import Problem
from landscape.randomness import derive_seed

_MARGIN = 0.67
"""A kind later in the order must take at most this share of the time of the best before it: times are noisy."""

_REPEATS = 2


@dataclasses.dataclass(frozen=True)
class Trial:
    """One kind of product tried on a probe.

    Attributes:
        kind: Its name.
        difference: From plain double backward, relative to its length.
        seconds: Of one product: on the held graph for kinds tried for holding, from scratch otherwise.
        note: Why it is not used, or "".
    """

    kind: str
    difference: float
    seconds: float
    note: str


@dataclasses.dataclass(frozen=True)
class Choice:
    """The kind that was chosen, with what was tried on how many examples."""

    kind: str
    trials: tuple[Trial, ...]
    examples: int


def choose(problem: Problem, leaves: Sequence[Tensor], *, held: bool, wanted: str = "auto") -> Choice:
    """Return the best kind of product that agrees with plain double backward to rounding at this point.

    On a GPU that is the fastest. On a CPU it is the first in the order of `KINDS`, so that the same command gives the
    same bits whatever else the machine does: times are noisy, and on networks of 610 to 1e6 parameters (MLP, CNN,
    ResNet-20, ViT) no other was faster by a third.

    Each kind is tried on a probe: the first examples of the first batch and one random vector. One that differs
    by more than a thousand units in the last place, or that raises, is not used. PyTorch 2.13 is wrong by 7 to
    35 % in forward-mode derivatives through LayerNorm and training-mode BatchNorm; such kinds fall out here.

    Args:
        problem: Whose Hessian.
        leaves: The point, as parameters that require grad.
        held: Choose among kinds with a graph that is held, by the time of a product on it; otherwise among all, by that
            of a product from scratch.
        wanted: A kind by name; it is checked all the same.

    Cost:
        Some products on 1/32 of the examples: 32 to 64 of them on a CPU, 256 to 512 on a GPU.

    Raises:
        ProblemError: If the model has no second derivative, or one that is not symmetric.
        UsageError: If there is no such kind, or the wanted one is wrong here.
    """
    names = _names(wanted, held)
    batch, _ = next(problem.batches())
    # a GPU is busy with starting kernels where there are few, and tells nothing of many
    least, most = (32, 64) if problem.device.type == "cpu" else (256, 512)
    count = max(least, min(most, problem.num_examples // 32))
    batch = spread_rows(batch, count)
    check_double_backward(problem, leaves, batch)
    trials = _trials(problem, leaves, batch, names, held)
    right = [each for each in trials if not each.note]
    if wanted != "auto":
        right = [each for each in right if each.kind == wanted]
        if not right:
            why = next(each.note for each in trials if each.kind == wanted)
            raise UsageError(f"The product {wanted!r} cannot be used here: {why}. Use 'double backward'.")
    best = right[0]
    for each in right[1:] if problem.device.type != "cpu" else ():
        best = each if each.seconds < _MARGIN * best.seconds else best
    return Choice(best.kind, trials, batch_size_of(batch))


def _names(wanted: str, held: bool) -> list[str]:
    if wanted != "auto":
        check_product(wanted)
        return [wanted]
    return list(HOLDABLE if held else KINDS)


def _trials(problem: Problem, leaves: Sequence[Tensor], batch: Any, names: list[str], held: bool) -> tuple[Trial, ...]:
    generator = torch.Generator().manual_seed(derive_seed(0, "probe of the products"))
    v = torch.randn(problem.num_parameters, generator=generator, dtype=torch.float64)
    pieces = problem.unflatten(v.to(problem.device, problem.dtype))
    made = KINDS["double backward"](problem, leaves, batch)
    reference = made.product(pieces).double()
    _check_symmetric(problem, leaves, batch, made, v.to(problem.device), reference)
    itself = [Trial("double backward", 0.0, _seconds(problem.device, lambda: made.product(pieces)), "")] * held
    others = [name for name in names if not (held and name == "double backward")]
    tried = [_try(problem, leaves, batch, name, held, pieces, reference) for name in others]
    return tuple(sorted([*tried, *itself], key=lambda each: list(KINDS).index(each.kind)))


def _check_symmetric(
    problem: Problem, leaves: Sequence[Tensor], batch: Any, made: Linearisation, v: Tensor, Hv: Tensor
) -> None:
    """Refuse a second derivative that is not symmetric: then an operation's own is wrong, or the model is random."""
    size = float(Hv.norm())
    if size == 0 or not math.isfinite(size):
        return
    # half along Hv: two random vectors would see next to nothing where n is large
    u = (Hv / size).add_(v.flip(0), alpha=1 / float(v.norm()))
    Hu = made.product(problem.unflatten(u.to(problem.dtype))).double()
    gap, longest = abs(float(u @ Hv) - float(v.double() @ Hu)), max(float(u.norm()), float(v.norm()))
    if gap <= max(1e4 * torch.finfo(problem.dtype).eps, 1e-9) * longest * max(size, float(Hu.norm())):
        return
    # where H is nearly zero its products are rounding: then they are not even linear
    rounding = float((made.product(problem.unflatten((u + v).to(problem.dtype))).double() - Hu - Hv).norm())
    if gap > 10 * longest * max(rounding, _rounding_of_change(problem, leaves, batch, v)):
        difference = gap / (longest * size)
        raise AsymmetryError(
            f"The Hessian of this model is not symmetric by {difference:.2g} of a product: torch's second derivative "
            f"of an operation in it is wrong. Write that operation out."
        )


def _rounding_of_change(problem: Problem, leaves: Sequence[Tensor], batch: Any, v: Tensor) -> float:
    """Return what rounding makes of a gradient's change along v: where labels are sure and wrong, H is less than it."""
    theta = math.hypot(*(float(each.detach().double().norm()) for each in leaves))
    with torch.enable_grad():
        g = torch.autograd.grad(problem.batch_loss(leaves, batch), leaves, materialize_grads=True)
    size = math.hypot(*(float(each.double().norm()) for each in g))
    return float(torch.finfo(problem.dtype).eps) * size * float(v.norm()) / theta if theta else 0.0


def _try(
    problem: Problem,
    leaves: Sequence[Tensor],
    batch: Any,
    name: str,
    held: bool,
    v: list[Tensor],
    reference: Tensor,
) -> Trial:
    def from_scratch() -> tuple[Linearisation, Tensor]:
        made = KINDS[name](problem, leaves, batch)
        return made, made.product(v)

    try:
        with warnings.catch_warnings():
            # what torch says of its own decompositions when it first loads them
            warnings.simplefilter("ignore", DeprecationWarning)
            made, found = from_scratch()
        # the second time: the first includes what torch sets up once for new shapes
        seconds = _seconds(problem.device, lambda: made.product(v)) if held else _seconds(problem.device, from_scratch)
    except Exception as error:
        # what torch raises for an operation without this derivative is of many types; the kind is then not used
        return Trial(name, math.inf, math.inf, f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}")
    size = float(reference.norm())
    difference = float((found.double() - reference).norm()) / size if size else float(found.double().norm())
    right = difference <= 1000 * torch.finfo(problem.dtype).eps or not math.isfinite(size)
    return Trial(name, difference, seconds, "" if right else f"differs from double backward by {difference:.2g}")


def _seconds(device: torch.device, call: Any) -> float:
    # on one thread the processor's time is the time, whatever else the machine does
    clock = time.process_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    best = math.inf
    for _ in range(_REPEATS):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = clock()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, clock() - start)
    return best
