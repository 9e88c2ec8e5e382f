"""The standard error of a mean over eigenvalues that quadratures from random vectors give."""

import math

import numpy as np

from landscape.solvers.estimate import student_factor
from landscape.solvers.gauss_rules import Array


def error_of_quadratures(weights: Array, values: Array, size: int, probes: int) -> float:
    r"""Return the standard error of $\frac1m \sum_i f(\lambda_i)$ by p random unit vectors q, infinite for one.

    $$\operatorname{Var} q^\top f(H) q = \frac{2}{m+2}\, \mu_2, \qquad \nu = p\,m\,\mu_2^2/\mu_4,$$

    with $\mu$ the central moments of f over the m eigenvalues, which the quadratures have. The spread of the p numbers
    is not used: they happen to agree now and then. Student's factor is that of $\nu$, to which degrees of freedom
    Satterthwaite's approximation brings a sum of squares of normal numbers; p for one eigenvalue apart from the others.

    Args:
        weights: Of the nodes of all probes, any shape.
        values: f at the nodes, likewise.
        size: m.
        probes: p.

    References:
        Satterthwaite 1946, "An approximate distribution of estimates of variance components".
    """
    if probes < 2:
        return math.inf if size else 0.0
    total = float(weights.sum())
    # the squares of very small or large values are zero or infinite
    unit = float(np.abs(values).max(initial=0.0))
    if not unit or total <= 0:
        return 0.0
    off = (values - float((weights * values).sum()) / total) / unit
    square, fourth = (float((weights * off**power).sum()) / total for power in (2, 4))
    if not fourth:
        return 0.0
    # the variance of pooled quadratures is low by that of their mean
    variance = 2 * square / ((size + 2) * probes - 2)
    return unit * student_factor(max(probes * size * square**2 / fourth, 1.0)) * math.sqrt(variance)
