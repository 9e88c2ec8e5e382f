"""The trace of a Hessian by the way that is best for its network."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
import torch
from torch import Tensor

from landscape.diagonal import (
    check_piecewise_linear,
    gauss_newton_diagonal,
    gauss_newton_squares,
    output_dimension,
    sampled_squares,
    why_not_by_functions,
)
from landscape.errors import ProblemError, UsageError, suggest
from landscape.operators.combinations import Sum
from landscape.operators.gauss_newton import GaussNewton
from landscape.operators.hessian import Hessian
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.estimate import FEWEST, Estimate, StoppingRule, student_factor
from landscape.solvers.hutchinson import hutchinson
from landscape.solvers.hutchpp import hutchpp
from landscape.solvers.memory_plan import NoRoomError, Rows, planned_sketch, rows_of_sketch
from landscape.solvers.multiplied_out import SMALL, exact_diagonal_sum, multiply_out
from landscape.solvers.probes import draw_probes, products, row_dots, signs
from landscape.solvers.sketch import KEPT_ROWS
from landscape.solvers.xtrace import xtrace

COARSE = 0.03
LEAST_PROBES = 16
_MOST_XTRACE = 120
_MODELS_RAISE = (RuntimeError, ValueError, IndexError, TypeError)
"""What models and criteria raise, as they like, when they see single examples, float64 or a graph that is cut."""
MOST_COLUMNS = 64
"""Outputs up to which the exact trace is taken: one backward pass each."""


def hessian_trace(
    hessian: Hessian, *, method: str = "auto", rtol: float = 0.02, max_matvecs: int = 1000, seed: int = 0
) -> Estimate:
    r"""Return the trace of a Hessian, exactly where the network allows it.

    On a piecewise-linear network (ReLU, max-pooling, BatchNorm in evaluation mode, each parameter used once)
    $\operatorname{tr} H = \operatorname{tr} G$, the trace of the Gauss-Newton matrix, which backward passes give.

    Args:
        hessian: Of which network and where.
        method: ``"exact"``: by backward passes, one an output; refused where the network is not piecewise linear.
            ``"sampled"``: the same with targets drawn from the model, one backward pass a draw, for many classes.
            ``"gauss_newton"``: G's trace exactly, and H - G by random probes. ``"hutchinson"``, ``"hutchpp"``,
            ``"xtrace"``: products with random vectors. ``"auto"``: exact or sampled where the network is recognised
            and probes agree; elsewhere multiplied out up to 64 parameters, and beyond Hutchinson's for 3 % and more,
            and for less ``"gauss_newton"`` where eight probes show that it pays, or else XTrace.
        rtol: Stop when the standard error is at most ``rtol`` times the magnitude; the exact trace has none.
        max_matvecs: Most products, or draws.
        seed: Of everything random.

    Returns:
        The estimate; ``method`` and ``reason`` say how it was had, ``passes`` how many backward passes it took.

    Raises:
        ProblemError: If ``"exact"``, ``"sampled"`` or ``"gauss_newton"`` cannot be done for this network or loss.
        UsageError: If there is no such method, or a tolerance is out of its range.

    Cost:
        Counted in convolutions, where a gradient is 3 and a product 6 to 9: exact 2 an output, sampled 3 a draw.

    Memory:
        XTrace and Hutch++ keep as many test vectors as the memory of the Hessian's held graphs leaves room for; plain
        probes keep none, and take XTrace's place where there is none for two. To recognise a network, and the exact
        trace, take some 11 vectors of length n in float64.

    Pitfalls:
        H - G is no smaller than H far from a fit, so that ``"gauss_newton"`` then pays two products a probe for
        nothing: on digits networks its probes scatter as much as those of H at a loss above 0.8, and 3 to 30 times
        less below 0.1.

    References:
        Hutchinson 1990; Meyer et al. 2021 (Hutch++); Epperly, Tropp, Webber 2024 (XTrace).
    """
    if not isinstance(hessian, Hessian):
        raise UsageError(f"hessian_trace takes a Hessian; for a {type(hessian).__name__} use xtrace or hutchinson.")
    rule = StoppingRule(rtol, 2, max(2, max_matvecs))
    if method in _PROBES:
        return _probed(hessian, method, rtol, max_matvecs, seed, **_kept(method, hessian, max_matvecs))
    if method not in METHODS:
        raise UsageError(
            f"There is no way to a trace {method!r}.{suggest(method, METHODS)} Known: {', '.join(METHODS)}."
        )
    if method == "gauss_newton":
        return _control_variate(hessian, rtol, max_matvecs, seed)
    holds, why = recognise(hessian, seed)
    if not holds and method == "auto" and hessian.shape[0] <= min(SMALL, max_matvecs):
        return exact_diagonal_sum(multiply_out(hessian), hessian)
    if not holds and method == "auto":
        found = _smooth(hessian, rtol, max_matvecs, seed)
        return dataclasses.replace(found, reason=f"{found.reason} (not exact: {why})")
    if not holds:
        raise ProblemError(f"The trace of this Hessian cannot be had by backward passes: {why}. Use 'hutchinson'.")
    if method == "sampled" or (method == "auto" and output_dimension(hessian.problem) > MOST_COLUMNS):
        return _sampled(hessian, rule, seed, why)
    return _exact(hessian, why)


_PROBES: dict[str, Callable[..., Estimate]] = {"hutchinson": hutchinson, "hutchpp": hutchpp, "xtrace": xtrace}
_SKETCHES = {"xtrace": (2, KEPT_ROWS), "hutchpp": (3, KEPT_ROWS + 1)}
METHODS = ("auto", "exact", "sampled", "gauss_newton", *_PROBES)
"""Names that ``method`` takes."""


def hessian_diagonal(hessian: Hessian, *, seed: int = 0) -> Tensor:
    r"""Return the diagonal of a Hessian, exactly, shape ``(n,)``, float64: for piecewise-linear networks.

    Args:
        hessian: Of which network and where.
        seed: Of the probes that check it.

    Raises:
        ProblemError: If the network is not piecewise linear: use `xdiag` or `hutchinson_diagonal`.

    Cost:
        As the exact trace of `hessian_trace`.
    """
    holds, why = recognise(hessian, seed)
    if not holds:
        raise ProblemError(f"The diagonal of this Hessian cannot be had by backward passes: {why}. Use xdiag.")
    return gauss_newton_diagonal(hessian.problem, hessian.theta, memory=hessian.batches.half())


def _smooth(hessian: Hessian, rtol: float, max_matvecs: int, seed: int) -> Estimate:
    """Return the trace where it is not exact.

    Measured on digits networks: at 5 % Hutchinson's probes need 16 to 61 products, XTrace 24 to 36; at 2 % 48 to 238
    and 32 to 72, the control variate 32 (each probe two, of which the second costs 0.4) once the loss is below 0.1.
    """
    if rtol >= COARSE:
        return _probed(hessian, "hutchinson", rtol, max_matvecs, seed)
    if max_matvecs >= 2 * LEAST_PROBES and _rest_is_small(hessian, seed):
        try:
            return _control_variate(hessian, rtol, max_matvecs, seed)
        except ProblemError:
            pass  # gradients of single examples cannot be had for this network; probes need none
    most = min(max_matvecs, _MOST_XTRACE)
    try:
        kept = _kept("xtrace", hessian, most)
    except NoRoomError:
        # no memory for two test vectors; plain probes keep none
        return _probed(hessian, "hutchinson", rtol, max_matvecs, seed)
    first = _probed(hessian, "xtrace", rtol, most, seed, **kept)
    if first.converged or max_matvecs - first.matvecs < 2 * LEAST_PROBES:
        return first
    # a flat spectrum: what XTrace takes out of it is nothing, and its own work grows
    second = _probed(hessian, "hutchinson", rtol, max_matvecs - first.matvecs, seed)
    better = second if second.converged or second.error < first.error else first
    return dataclasses.replace(better, matvecs=first.matvecs + second.matvecs)


def _rest_is_small(hessian: Hessian, seed: int) -> bool:
    """Return whether eight probes of H - G scatter so much less than those of H that their double cost pays."""
    pairs = [range(start, start + 2) for start in range(0, 8, 2)]
    try:
        with _beside(hessian) as G:
            of_H, of_G = (torch.cat([_forms(each, seed, pair) for pair in pairs]) for each in (hessian, G))
    except ProblemError:
        return False
    return float((of_H - of_G).var()) < 0.3 * float(of_H.var())


def _forms(operator: SymmetricOperator, seed: int, indices: range) -> Tensor:
    """Return z'Az of some probes at once: memory is planned for few."""
    z = draw_probes(operator, signs, seed, "trace pilot", indices)
    return row_dots(z, products(operator, z))


@contextmanager
def _beside(hessian: Hessian) -> Iterator[GaussNewton]:
    """Give the Gauss-Newton matrix to be used in turn with the Hessian: each holds half of the graphs that fit."""
    batches = hessian.batches
    before, half = batches.left, (batches.memory - batches.kept) // 2
    batches.leave(half)
    try:
        yield GaussNewton(hessian.problem, hessian.theta, memory=half)
    finally:
        batches.leave(before)


def rows_of_trace(method: str, n: int, max_matvecs: int) -> Rows | None:
    """Return the vectors that a way by random probes wants to keep; None where it keeps none."""
    if method not in _SKETCHES:
        return None
    products_of_one, each = _SKETCHES[method]
    return rows_of_sketch(n, max_matvecs // products_of_one, each)


def rows_of_hessian_trace(hessian: Hessian, method: str, rtol: float, max_matvecs: int) -> Rows | None:
    """Return the vectors that `hessian_trace` wants to keep at most; None where it keeps none.

    Cost:
        A forward pass on a few examples where the network decides.
    """
    if method != "auto":
        return rows_of_trace(method, hessian.shape[0], max_matvecs)
    n = hessian.shape[0]
    if rtol >= COARSE or n <= min(SMALL, max_matvecs) or _may_be_exact(hessian):
        return None
    return rows_of_trace("xtrace", n, min(max_matvecs, _MOST_XTRACE))


def _may_be_exact(hessian: Hessian) -> bool:
    with suppress(*_MODELS_RAISE, ProblemError):
        return not why_not_by_functions(hessian.problem, hessian.theta)
    return False


def _kept(method: str, hessian: Hessian, max_matvecs: int) -> dict[str, int]:
    """Return how many test vectors memory holds, as an option of the way."""
    rows = rows_of_trace(method, hessian.shape[0], max_matvecs)
    return {"max_vectors": planned_sketch(hessian, rows)} if rows else {}


def _probed(hessian: Hessian, method: str, rtol: float, max_matvecs: int, seed: int, **kept: int) -> Estimate:
    least = min(LEAST_PROBES, max_matvecs)
    found = _PROBES[method](hessian, rtol=rtol, min_matvecs=least, max_matvecs=max_matvecs, seed=seed, **kept)
    return dataclasses.replace(found, method=method)


def recognise(hessian: Hessian, seed: int) -> tuple[bool, str]:
    """Return whether the diagonal of a Hessian is that of its Gauss-Newton matrix, and why or why not, in words."""
    try:
        found = check_piecewise_linear(hessian.problem, hessian.theta, seed=seed)
    except ProblemError as error:
        return False, str(error).split(". ")[0].lower()
    except _MODELS_RAISE as error:
        return False, f"trying it raised {type(error).__name__}: {str(error).strip().splitlines()[0][:120]}"
    return found.holds, found.why


def _exact(hessian: Hessian, why: str) -> Estimate:
    found = gauss_newton_squares(hessian.problem, hessian.theta, memory=hessian.batches.half())
    return exact_trace(found.diagonal, hessian.dtype, why, found.passes)


def exact_trace(diagonal: Tensor, dtype: torch.dtype, why: str, passes: int) -> Estimate:
    """Return the sum of a diagonal that was had by backward passes in ``dtype``."""
    value = float(diagonal.sum())
    # a sum of squares, each to the rounding of a backward pass, added in float64
    error = 32 * float(torch.finfo(dtype).eps) * float(diagonal.abs().sum())
    return Estimate(value, error, 0, True, f"exact up to rounding: {why}", method="exact", passes=passes)


def _sampled(hessian: Hessian, rule: StoppingRule, seed: int, why: str) -> Estimate:
    problem = hessian.problem
    draws: list[np.ndarray] = []
    while True:
        drawn = sampled_squares(problem, hessian.theta, seed=seed, index=len(draws), memory=hessian.batches.half())
        draws.append(drawn.by_example.cpu().numpy())
        if len(draws) < 2:
            continue
        value, error = _mean_of_draws(np.array(draws))
        value += problem.weight_decay * problem.num_parameters
        # a draw is one of each example's targets: as many as errors need
        converged = rule.within(error, value, len(draws), FEWEST)
        if converged or len(draws) >= rule.max_matvecs:
            reason = f"{rule.reason(converged=converged)}; {why}"
            return Estimate(value, error, 0, converged, reason, method="sampled", passes=len(draws))


def _mean_of_draws(draws: np.ndarray) -> tuple[float, float]:
    """Return the mean over draws and examples of ``(draws, examples)``, and its error over draws alone.

    The examples are what the loss is a mean of; only the targets are random, each example's on its own.
    """
    count, examples = draws.shape
    each = draws.var(axis=0, ddof=1)
    # Satterthwaite 1946: degrees of freedom of a sum of variances, few where few examples have nearly all of it
    freedom = (count - 1) * float(each.sum()) ** 2 / max(float((each**2).sum()), np.finfo(float).tiny)
    error = math.sqrt(each.sum() / count) / examples
    return float(draws.mean()), student_factor(max(freedom, 1.0)) * error


def _control_variate(hessian: Hessian, rtol: float, max_matvecs: int, seed: int) -> Estimate:
    exact = gauss_newton_squares(hessian.problem, hessian.theta, memory=hessian.batches.half())
    most = max(2, max_matvecs // 2)
    known = float(exact.diagonal.sum())
    with _beside(hessian) as G:
        rest = Sum([hessian, G], [1.0, -1.0])
        found = hutchinson(
            rest, rtol=rtol, min_matvecs=min(LEAST_PROBES, most), max_matvecs=most, seed=seed, known=known
        )
    return dataclasses.replace(found, matvecs=2 * found.matvecs, method="gauss_newton", passes=exact.passes)
