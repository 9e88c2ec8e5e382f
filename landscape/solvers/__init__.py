"""Operator to numbers, each with its error."""

from landscape.solvers.by_name import EIGEN_SOLVERS, eigen_solver
from landscape.solvers.density import SpectralDensity
from landscape.solvers.eigenpairs import Eigenpairs
from landscape.solvers.estimate import DiagonalEstimate, Estimate
from landscape.solvers.frobenius_norm import frobenius_norm
from landscape.solvers.hessian_trace import hessian_diagonal, hessian_trace
from landscape.solvers.hutchinson import hutchinson
from landscape.solvers.hutchinson_diagonal import hutchinson_diagonal
from landscape.solvers.hutchpp import hutchpp
from landscape.solvers.lanczos import lanczos
from landscape.solvers.mass import Mass
from landscape.solvers.outliers import Outliers, find_outliers
from landscape.solvers.power_iteration import power_iteration
from landscape.solvers.scipy_solvers import eigsh, lobpcg
from landscape.solvers.spectral_density import spectral_density
from landscape.solvers.subset_bracket import Bracket, subset_bracket
from landscape.solvers.symmetry import check_symmetric
from landscape.solvers.two_level import two_level
from landscape.solvers.xdiag import xdiag
from landscape.solvers.xtrace import xtrace

__all__ = [
    "EIGEN_SOLVERS",
    "Bracket",
    "DiagonalEstimate",
    "Eigenpairs",
    "Estimate",
    "Mass",
    "Outliers",
    "SpectralDensity",
    "check_symmetric",
    "eigen_solver",
    "eigsh",
    "find_outliers",
    "frobenius_norm",
    "hessian_diagonal",
    "hessian_trace",
    "hutchinson",
    "hutchinson_diagonal",
    "hutchpp",
    "lanczos",
    "lobpcg",
    "power_iteration",
    "spectral_density",
    "subset_bracket",
    "two_level",
    "xdiag",
    "xtrace",
]
