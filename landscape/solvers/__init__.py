"""Operator to numbers, each with its error."""

from landscape.solvers.density import Mass, SpectralDensity
from landscape.solvers.eigenpairs import Eigenpairs
from landscape.solvers.estimate import DiagonalEstimate, Estimate
from landscape.solvers.frobenius_norm import frobenius_norm
from landscape.solvers.hutchinson import hutchinson
from landscape.solvers.hutchinson_diagonal import hutchinson_diagonal
from landscape.solvers.hutchpp import hutchpp
from landscape.solvers.lanczos import lanczos
from landscape.solvers.outliers import Outliers, find_outliers
from landscape.solvers.power_iteration import power_iteration
from landscape.solvers.spectral_density import spectral_density
from landscape.solvers.xdiag import xdiag
from landscape.solvers.xtrace import xtrace

__all__ = [
    "DiagonalEstimate",
    "Eigenpairs",
    "Estimate",
    "Mass",
    "Outliers",
    "SpectralDensity",
    "find_outliers",
    "frobenius_norm",
    "hutchinson",
    "hutchinson_diagonal",
    "hutchpp",
    "lanczos",
    "power_iteration",
    "spectral_density",
    "xdiag",
    "xtrace",
]
