"""Loss landscapes and sharpness of minima: every number with its error."""

import importlib
from typing import TYPE_CHECKING, Any

from landscape._version import __version__

if TYPE_CHECKING:
    from landscape.errors import LandscapeError
    from landscape.measures import Measurement, Measurements, measure, measure_minimum
    from landscape.minimum import Minimum
    from landscape.operators import Dense, Fisher, GaussNewton, Hessian, Lambda, Preconditioned
    from landscape.problem import Problem
    from landscape.solvers import (
        hessian_trace,
        hutchinson,
        hutchpp,
        lanczos,
        power_iteration,
        spectral_density,
        xtrace,
    )
    from landscape.surfaces import Surface, loss_surface
    from landscape.verification import verify

_HOME = {
    "LandscapeError": "landscape.errors",
    "Measurement": "landscape.measures",
    "Measurements": "landscape.measures",
    "measure": "landscape.measures",
    "measure_minimum": "landscape.measures",
    "Minimum": "landscape.minimum",
    "Dense": "landscape.operators",
    "Fisher": "landscape.operators",
    "GaussNewton": "landscape.operators",
    "Hessian": "landscape.operators",
    "Lambda": "landscape.operators",
    "Preconditioned": "landscape.operators",
    "Problem": "landscape.problem",
    "hessian_trace": "landscape.solvers",
    "hutchinson": "landscape.solvers",
    "hutchpp": "landscape.solvers",
    "lanczos": "landscape.solvers",
    "power_iteration": "landscape.solvers",
    "spectral_density": "landscape.solvers",
    "xtrace": "landscape.solvers",
    "Surface": "landscape.surfaces",
    "loss_surface": "landscape.surfaces",
    "verify": "landscape.verification",
}

__all__ = [
    "Dense",
    "Fisher",
    "GaussNewton",
    "Hessian",
    "Lambda",
    "LandscapeError",
    "Measurement",
    "Measurements",
    "Minimum",
    "Preconditioned",
    "Problem",
    "Surface",
    "__version__",
    "hessian_trace",
    "hutchinson",
    "hutchpp",
    "lanczos",
    "loss_surface",
    "measure",
    "measure_minimum",
    "power_iteration",
    "spectral_density",
    "verify",
    "xtrace",
]


def __getattr__(name: str) -> Any:
    """Return a public name, importing torch only when one that needs it is asked for.

    Raises:
        AttributeError: If there is no such name.
    """
    if name not in _HOME:
        raise AttributeError(f"module 'landscape' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
