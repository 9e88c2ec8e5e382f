"""Operator to numbers, each with its error."""

from landscape.solvers.eigenpairs import Eigenpairs
from landscape.solvers.hutchinson import Estimate, hutchinson
from landscape.solvers.lanczos import lanczos
from landscape.solvers.power_iteration import power_iteration
from landscape.solvers.symmetry import check_symmetric

__all__ = ["Eigenpairs", "Estimate", "check_symmetric", "hutchinson", "lanczos", "power_iteration"]
