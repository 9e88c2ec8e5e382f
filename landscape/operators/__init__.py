"""Matrix-free symmetric maps on the parameter space."""

from landscape.operators.dense import Dense, Lambda
from landscape.operators.hessian import Hessian
from landscape.operators.preconditioned import Preconditioned
from landscape.operators.symmetric_operator import SymmetricOperator

__all__ = ["Dense", "Hessian", "Lambda", "Preconditioned", "SymmetricOperator"]
