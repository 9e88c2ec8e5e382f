"""Any registered measures of one minimum, as the plain JSON types that are printed and written."""

import dataclasses
import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from landscape.errors import ProblemError, UsageError, suggest
from landscape.layerwise import Layer, layerwise
from landscape.measures import Measurements, measure_minimum
from landscape.measures.measure import parsed_options, registered
from landscape.measures.memory_plans import memory_plans
from landscape.minimum import Minimum
from landscape.registry import measures as registry
from landscape.solvers.memory_plan import MemoryPlan
from landscape.study.one_minimum import OneMinimum
from landscape.study.watched import OnProgress
from landscape.verification import Verification, verify

FORMAT = 1
DEFAULT = ("top_eigenvalue", "trace")
ALL = "all"


@dataclass(frozen=True)
class SharpnessSettings:
    """What is asked of one minimum.

    Attributes:
        measures: Names of measures, or ``("all",)``.
        rtol: Tolerance of every measure that takes one; each its own when None.
        measure_option: Options of a measure by its name.
        per_layer: Whether to look at the block of each layer too.
        verify: Whether to repeat the products on a shrunken copy against the dense Hessian.
        memory: Bytes for held graphs and the vectors of a Krylov basis; half of what is free when None.
        seed: Of everything random.

    Raises:
        UsageError: If there is no such measure or option.
    """

    measures: tuple[str, ...] = DEFAULT
    rtol: float | None = None
    measure_option: Mapping[str, Any] = field(default_factory=dict)
    per_layer: bool = False
    verify: bool = False
    memory: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what there is not, before anything is loaded."""
        if not self.measures:
            raise UsageError("No measure is named. Type --measures top_eigenvalue,trace, or --measures all.")
        for name, own in self.measure_option.items():
            if not isinstance(own, Mapping):
                raise UsageError(
                    f"measure_option {name!r} names no measure. Write NAME.KEY=VALUE, as in trace.rtol=0.1."
                )
            if name not in self.names:
                known = ", ".join(self.names)
                hint = suggest(name, self.names)
                raise UsageError(f"Options are given for {name!r}, which is not measured.{hint} Measured: {known}.")
        for name in self.names:
            parsed_options(name, self.options)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the measures, with all of them in place of ``all``."""
        return registry.names() if self.measures == (ALL,) else self.measures

    @property
    def options(self) -> dict[str, dict[str, Any]]:
        """Options by measure, the common tolerance for those that take one."""
        found = {}
        for name in self.names:
            takes = "rtol" in inspect.signature(registered(name).compute).parameters
            shared = {"rtol": self.rtol} if takes and self.rtol is not None else {}
            found[name] = {**shared, **self.measure_option.get(name, {})}
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        options = {name: dict(each) for name, each in self.measure_option.items()}
        names = {"measures": list(self.names), "rtol": self.rtol, "measure_option": options}
        more = ("per_layer", "verify", "memory", "seed")
        return {**names, **{name: getattr(self, name) for name in more}}


def sharpness(
    one: OneMinimum,
    settings: SharpnessSettings,
    on_progress: OnProgress | None = None,
    on_plan: Callable[[Mapping[str, MemoryPlan], str], None] | None = None,
) -> dict[str, Any]:
    """Return what was asked of a minimum, every number with its error and its cost.

    Args:
        one: The minimum.
        settings: What is asked.
        on_progress: Told what is being done.
        on_plan: Told what the memory is for, and of which device, before the first product.

    Raises:
        ProblemError: If nothing of it can be measured, or memory does not suffice.
    """
    tell = on_progress or (lambda what, done, most: None)
    start = time.perf_counter()
    minimum = one.minimum
    if settings.memory is not None:
        minimum = dataclasses.replace(minimum, memory=settings.memory)
    try:
        plans = memory_plans(minimum, settings.names, settings.options)
        if on_plan is not None:
            on_plan(plans, str(minimum.problem.device))
        measured = measure_minimum(
            minimum,
            settings.names,
            seed=settings.seed,
            options=settings.options,
            keep_going=len(settings.names) > 1,
            on_progress=lambda done, total, name: tell(name, 0, None),
        )
        layers = _layers(minimum, settings, tell) if settings.per_layer else []
        verification = _verified(minimum, settings, tell) if settings.verify else None
    except torch.OutOfMemoryError as error:
        raise ProblemError("The device ran out of memory. Give a smaller --max-batch, or fewer --examples.") from error
    if all(each.value is None for each in measured.values()):
        name, first = next(iter(measured.items()))
        raise ProblemError(f"Nothing could be measured. {name}: {first.reason.removesuffix('.')}.")
    result = _about(one, settings) | _numbers(measured, layers, verification)
    result["memory_plan"] = {name: plan.to_dict() for name, plan in plans.items()}
    return {**result, "seconds": time.perf_counter() - start}


def _layers(minimum: Minimum, settings: SharpnessSettings, tell: OnProgress) -> list[Layer]:
    tell("layers", 0, None)
    if settings.rtol is None:
        return layerwise(minimum, seed=settings.seed)
    return layerwise(minimum, rtol=settings.rtol, trace_rtol=settings.rtol, seed=settings.seed)


def _verified(minimum: Minimum, settings: SharpnessSettings, tell: OnProgress) -> Verification:
    tell("verification", 0, None)
    minimum.hessian.batches.let_go()
    progress = partial(tell, "verification")
    return verify(minimum.problem, minimum.theta, seed=settings.seed, memory=minimum.memory, on_progress=progress)


def _about(one: OneMinimum, settings: SharpnessSettings) -> dict[str, Any]:
    problem = one.minimum.problem
    return {
        "format": FORMAT,
        "name": one.name,
        "origin": one.origin,
        "parameters": problem.num_parameters,
        "examples": problem.num_examples,
        "dtype": str(problem.dtype).removeprefix("torch."),
        "device": str(problem.device),
        "batch_norm": problem.batch_norm,
        "weight_decay": problem.weight_decay,
        "loss": problem.loss(one.minimum.theta),
        "gradient_norm": float(one.minimum.gradient.double().norm()),
        "settings": one.settings,
        "asked": settings.to_dict(),
    }


def _numbers(measured: Measurements, layers: list[Layer], verification: Verification | None) -> dict[str, Any]:
    rows = {name: {**each.to_dict(), **_described(name)} for name, each in measured.items()}
    there = [each for each in measured.values() if each.value is not None]
    return {
        "measurements": rows,
        "layers": [each.to_dict() for each in layers],
        "verification": None if verification is None else verification.to_dict(),
        "warnings": list(measured.warnings),
        "notes": list(measured.notes),
        "converged": not measured.without_room
        and all([each.converged for each in there] + [each.converged for each in layers]),
        "matvecs": sum(each.matvecs for each in there) + sum(each.matvecs for each in layers),
    }


def _described(name: str) -> dict[str, str]:
    made = registered(name)
    return {"label": made.label, "symbol": made.symbol, "blind_spot": made.blind_spot}
