"""Operator to numbers, each with its error."""

from landscape.solvers.eigenpairs import Eigenpairs
from landscape.solvers.estimate import DiagonalEstimate, Estimate
from landscape.solvers.frobenius_norm import frobenius_norm
from landscape.solvers.hutchinson import hutchinson
from landscape.solvers.hutchinson_diagonal import hutchinson_diagonal
from landscape.solvers.hutchpp import hutchpp
from landscape.solvers.lanczos import lanczos
from landscape.solvers.power_iteration import power_iteration
from landscape.solvers.xdiag import xdiag
from landscape.solvers.xtrace import xtrace

__all__ = [
    "DiagonalEstimate",
    "Eigenpairs",
    "Estimate",
    "frobenius_norm",
    "hutchinson",
    "hutchinson_diagonal",
    "hutchpp",
    "lanczos",
    "power_iteration",
    "xdiag",
    "xtrace",
]
