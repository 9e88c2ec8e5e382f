"""What the measures of a spectrum are tested against: dense eigenvalues and diagonals."""

import torch
from measure_case import Reference

TIGHT = {"rtol": 1e-4, "max_matvecs": 5000}
SHORT = {"rtol": 1e-12, "max_matvecs": 2}


def eigenvalues(A):
    return torch.linalg.eigvalsh(A)


def roots(A):
    return A.diag().clamp(min=0).sqrt().sum()


def directional(case):
    u = case.minimum.update.rule(case.minimum.gradient)
    return u @ case.H @ u / (u @ u)


REFERENCES = {
    "top_eigenvalue": Reference(lambda case: eigenvalues(case.H)[-1], TIGHT, short=SHORT),
    "power_iteration_top_eigenvalue": Reference(lambda case: eigenvalues(case.H)[-1], TIGHT, short=SHORT),
    "bottom_eigenvalue": Reference(lambda case: eigenvalues(case.H)[0], TIGHT, short=SHORT),
    "eigenvalue_ratio": Reference(
        lambda case: (eigenvalues(case.H)[0] / eigenvalues(case.H)[-1]).abs(),
        {"rtol": 2e-4, "max_matvecs": 5000},
        short=SHORT,
        slack=1,
        relative=False,
    ),
    "gauss_newton_top_eigenvalue": Reference(lambda case: eigenvalues(case.G)[-1], TIGHT, short=SHORT),
    "preconditioned_top_eigenvalue": Reference(
        lambda case: torch.linalg.eigvals(torch.diag(1 / case.P) @ case.H).real.max(), TIGHT, short=SHORT
    ),
    "trace": Reference(
        lambda case: case.H.trace(),
        {"rtol": 0.03, "max_matvecs": 100_000},
        {"rtol": 0.2},
        short={"rtol": 1e-12, "max_matvecs": 20},
        activations=("tanh",),
    ),
    "gauss_newton_trace": Reference(lambda case: case.G.trace(), {"rtol": 1e-10}, random=False),
    "frobenius_norm": Reference(
        lambda case: case.H.norm(), {"rtol": 0.01, "max_matvecs": 400}, short={"rtol": 1e-12, "max_matvecs": 24}
    ),
    "effective_rank": Reference(
        lambda case: case.H.trace() ** 2 / case.H.square().sum(),
        {"rtol": 0.2, "max_matvecs": 100_000},
        {"rtol": 0.5},
        {"rtol": 1e-12, "max_matvecs": 24},
    ),
    "log_det": Reference(
        lambda case: (eigenvalues(case.H).clamp(min=0) + 0.01).log().sum(), {"rtol": 1e-6}, random=False
    ),
    "sqrt_diagonal_trace": Reference(lambda case: roots(case.H), {"rtol": 1e-6, "max_matvecs": 400}, random=False),
    "directional_sharpness": Reference(directional, {"rtol": 1e-10}, random=False),
}
