"""Measuring a minimum: any registered measures, in one call."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from landscape.errors import AsymmetryError, ProblemError, UsageError
from landscape.full_precision import full_precision
from landscape.measures.cautions import cautions
from landscape.measures.exact import rounding
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.measurements import Measurements
from landscape.measures.not_finite import without_nan
from landscape.minimum import Minimum
from landscape.options import parse_options
from landscape.problem import Problem
from landscape.ranks import LostProcess
from landscape.registry import measures as registry
from landscape.solvers.memory_plan import NoRoomError, leave_vectors


def measure(
    model: nn.Module,
    loss: str | Callable[..., Tensor],
    data: Any,
    measures: str | Sequence[str] = ("top_eigenvalue", "trace"),
    *,
    seed: int = 0,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **problem_options: Any,
) -> Measurements:
    """Return measurements of a model where it stands; the model comes back as it was.

    Args:
        model: Any module.
        loss: A registered name, a criterion, or ``(model, batch) -> mean``; see `Problem`.
        data: Tensors ``(x, y)``, a ``Dataset``, or any iterable of batches.
        measures: Names, as ``landscape list measures`` prints them, or one.
        seed: Of everything random.
        options: Options of a measure by its name, such as ``{"trace": {"rtol": 0.02}}``.
        **problem_options: ``batch_size``, ``dtype``, ``device``, ``weight_decay``, ``batch_norm`` of `Problem`.

    Example:
        >>> import torch
        >>> x, y = torch.randn(20, 3), torch.randint(2, (20,))
        >>> result = measure(torch.nn.Linear(3, 2), "cross_entropy", (x, y), measures=["top_eigenvalue"])
        >>> result["top_eigenvalue"].converged
        True
    """
    problem = Problem(model, loss, data, **problem_options)
    return measure_minimum(Minimum(problem, problem.theta), measures, seed=seed, options=options)


def measure_minimum(
    minimum: Minimum,
    names: str | Sequence[str],
    *,
    seed: int = 0,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    keep_going: bool = False,
    warn: bool = True,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Measurements:
    """Return the named measurements of a minimum, in the order of the names.

    Args:
        minimum: What to measure.
        names: Names of registered measures, or one.
        seed: Of everything random.
        options: Options of a measure by its name.
        keep_going: A measure that refuses this problem is a measurement without a value, whose ``reason`` says why, and
            not an error. An option that cannot be used is one all the same.
        warn: Look for what to mind in the numbers, which costs a gradient and up to two products.
        on_progress: Told before each measure how many are done, how many there are, and its name.

    Raises:
        UsageError: If a measure or one of its options does not exist.
        ProblemError: If the loss at the minimum is not finite, or a measure cannot be had of this problem.
    """
    names = (names,) if isinstance(names, str) else names
    for each in options or {}:
        registered(each)
    computed = {name: (registered(name).compute, parsed_options(name, options)) for name in names}
    loss = minimum.problem.loss(minimum.theta)
    if not math.isfinite(loss):
        raise ProblemError(f"The loss at this point is {loss}: there is nothing to measure. Is the checkpoint right?")
    again = minimum.problem.loss(minimum.theta)
    if abs(again - loss) > 1e-5 * max(abs(loss), 1e-30):
        raise ProblemError(
            f"The loss at one point is {loss:.7g} and then {again:.7g}: the data or the model is random. "
            f"Turn off shuffling within batches, augmentation and dropout."
        )
    measured: dict[str, Measurement] = {}
    without_room: list[str] = []
    with full_precision(minimum.problem.tf32):
        for name, (compute, own) in computed.items():
            if on_progress is not None:
                on_progress(len(measured), len(computed), name)
            leave_vectors(minimum.hessian)
            try:
                measured[name] = _timed(name, compute, minimum, seed, own)
            except (ProblemError, UsageError) as error:
                if not keep_going or (isinstance(error, UsageError) and own.keys() - {"rtol"}):
                    raise
                measured[name] = Measurement(value=None, reason=str(error))
                if isinstance(error, NoRoomError):
                    without_room.append(name)
        found = cautions(minimum, measured) if warn else ()
    return Measurements(measured, found, minimum.problem.notes, tuple(without_room))


def registered(name: str) -> Measure:
    """Return the measure of a name.

    Raises:
        UsageError: If there is none, or the name is of something else.
    """
    value = registry[name].value
    if not isinstance(value, Measure):
        raise UsageError(f"{name} is no measure but a {type(value).__name__}. See `landscape list measures`.")
    return value


def parsed_options(name: str, options: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Any]:
    """Return the options of one measure as typed values, out of those of all measures by name."""
    given = (options or {}).get(name)
    return parse_options(registered(name).compute, given, f"Measure {name!r}", reserved=("minimum", "seed"))


def _timed(
    name: str, compute: Callable[..., Measurement], minimum: Minimum, seed: int, options: Mapping[str, Any]
) -> Measurement:
    start = time.perf_counter()
    with minimum.work.on_behalf_of(name) as reused:
        try:
            result = compute(minimum, seed=seed, **options)
        except FloatingPointError as error:
            result = Measurement(value=None, reason=f"{error}; try float64")
        except AsymmetryError as error:
            minimum, result = _in_float64(compute, minimum, error, seed, options)
    result = without_nan(result, minimum)
    return dataclasses.replace(
        result,
        error=_at_least_rounding(result, minimum),
        seconds=time.perf_counter() - start,
        seed=seed,
        examples=minimum.problem.num_examples,
        dtype=str(minimum.problem.dtype).removeprefix("torch."),
        shared=tuple(reused),
    )


def _in_float64(
    compute: Callable[..., Measurement], minimum: Minimum, error: AsymmetryError, seed: int, options: Mapping[str, Any]
) -> tuple[Minimum, Measurement]:
    """Measure what float32 has too few digits for, as of a network that fits its labels to eight digits.

    Returns:
        The minimum in float64, and what was measured there.

    Raises:
        AsymmetryError: The one at hand, if it was not for want of digits, or the problem cannot be had in float64.
        LostProcess: If another process has ended meanwhile.
    """
    if minimum.problem.dtype != torch.float32 or minimum.problem.device.type == "mps":
        raise error
    try:
        result = compute(minimum.in_float64, seed=seed, **options)
    except LostProcess:
        raise
    except Exception:
        # of any type: a model or loss of the user's with tensors of its own in single precision
        raise error from None
    reason = f"{result.reason}; in float64, as rounding hides it in float32"
    return minimum.in_float64, dataclasses.replace(result, reason=reason)


def _at_least_rounding(result: Measurement, minimum: Minimum) -> float | None:
    """Return the error, which no luck of few probes or of a search makes smaller than that of computing the value."""
    if result.error is None or result.value is None or result.error_kind == "rounding":
        return result.error
    return max(result.error, rounding(minimum, result.value))
