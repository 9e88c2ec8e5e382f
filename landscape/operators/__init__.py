"""Matrix-free symmetric maps on the parameter space."""

from landscape.operators.combinations import Restricted, Scaled, Shifted, Sum, restrict
from landscape.operators.dense import Dense, Lambda
from landscape.operators.fisher import Fisher
from landscape.operators.gauss_newton import GaussNewton
from landscape.operators.hessian import Hessian
from landscape.operators.preconditioned import Preconditioned, adam_preconditioner
from landscape.operators.symmetric_operator import SymmetricOperator

__all__ = [
    "Dense",
    "Fisher",
    "GaussNewton",
    "Hessian",
    "Lambda",
    "Preconditioned",
    "Restricted",
    "Scaled",
    "Shifted",
    "Sum",
    "SymmetricOperator",
    "adam_preconditioner",
    "restrict",
]
