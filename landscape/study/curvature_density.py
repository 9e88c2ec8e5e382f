"""The spectral density of one minimum, as the plain JSON types that are printed and drawn."""

from typing import Any, Protocol

from landscape.operators import SymmetricOperator
from landscape.solvers import spectral_density
from landscape.study.curvature_memory import PlannedMemory
from landscape.study.one_minimum import OneMinimum
from landscape.study.watched import OnProgress, Watched


class DensitySettings(Protocol):
    """What is asked of a density; see `CurvatureSettings`."""

    @property
    def density_probes(self) -> int:
        """Its random vectors."""

    @property
    def density_steps(self) -> int:
        """Products a probe."""

    @property
    def seed(self) -> int:
        """Of all random vectors."""


def measured_density(
    operator: SymmetricOperator, plan: PlannedMemory, one: OneMinimum, settings: DensitySettings, tell: OnProgress
) -> dict[str, Any]:
    """Return the density that is asked for, of as many steps as memory holds vectors."""
    probes = settings.density_probes
    steps, storage = plan.for_density(settings.density_steps)
    watched = Watched(operator, tell, "spectral density", probes * min(steps, operator.shape[0]))
    found = spectral_density(watched, num_probes=probes, steps=steps, seed=settings.seed, storage=storage)
    return found.of_fewer_steps(settings.density_steps).to_dict(num_classes=one.num_classes)


def larger_in_density(rows: list[dict[str, Any]], density: dict[str, Any] | None) -> float | None:
    """Return the largest eigenvalue that the density resolved, if it is surely above the first of the rows."""
    if not rows or density is None or not density["above"]["values"]:
        return None
    value, residual = density["above"]["values"][0], density["above"]["residuals"][0]
    return float(value) if value - residual > rows[0]["value"] + rows[0]["bound"] else None
