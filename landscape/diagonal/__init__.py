"""Diagonals by backward passes: squared gradients of single examples, layer by layer."""

from landscape.diagonal.gauss_newton_diagonal import (
    Squares,
    gauss_newton_diagonal,
    gauss_newton_squares,
    gauss_newton_trace,
    output_dimension,
    sampled_squares,
)
from landscape.diagonal.graph_of_outputs import has_kinks
from landscape.diagonal.piecewise_linear import PiecewiseLinear, check_piecewise_linear, why_not_by_functions

__all__ = [
    "PiecewiseLinear",
    "Squares",
    "check_piecewise_linear",
    "gauss_newton_diagonal",
    "gauss_newton_squares",
    "gauss_newton_trace",
    "has_kinks",
    "output_dimension",
    "sampled_squares",
    "why_not_by_functions",
]
