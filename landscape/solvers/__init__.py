"""Operator to numbers, each with its error."""

from landscape.solvers.by_name import EIGEN_SOLVERS, eigen_solver
from landscape.solvers.eigenpairs import Eigenpairs
from landscape.solvers.hutchinson import Estimate, hutchinson
from landscape.solvers.lanczos import lanczos
from landscape.solvers.power_iteration import power_iteration
from landscape.solvers.scipy_solvers import eigsh, lobpcg
from landscape.solvers.subset_bracket import Bracket, subset_bracket
from landscape.solvers.symmetry import check_symmetric
from landscape.solvers.two_level import two_level

__all__ = [
    "EIGEN_SOLVERS",
    "Bracket",
    "Eigenpairs",
    "Estimate",
    "check_symmetric",
    "eigen_solver",
    "eigsh",
    "hutchinson",
    "lanczos",
    "lobpcg",
    "power_iteration",
    "subset_bracket",
    "two_level",
]
