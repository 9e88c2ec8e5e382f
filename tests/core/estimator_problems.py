"""Operators with a known answer, and many seeds at once, for the tests of the estimators."""

import numpy as np
import torch

from landscape import Dense


def matrix_with(values, seed=0, dtype=torch.float64):
    """Return a symmetric matrix with these eigenvalues and random eigenvectors."""
    generator = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(len(values), len(values), generator=generator, dtype=torch.float64))
    A = Q @ torch.diag(torch.tensor(list(values), dtype=torch.float64)) @ Q.T
    return ((A + A.T) / 2).to(dtype)


N = 120
DECAYING = [100.0 / (i + 1) ** 2 for i in range(N)]
SPECTRA = {
    "decaying": DECAYING,
    "indefinite": [(-1) ** i * 100.0 / (i + 1) ** 1.5 + 0.2 for i in range(N)],
    "flat": list(np.linspace(2, -1, N)),
}


def runs(estimator, A, matvecs, seeds=range(150), **options):
    """Return values and errors of an estimator at a fixed budget, one row a seed."""
    found = [estimator(Dense(A), rtol=1e-15, max_matvecs=matvecs, seed=seed, **options) for seed in seeds]
    assert all(each.matvecs == matvecs for each in found)
    return found


class Counted(Dense):
    """A matrix that counts the vectors it was multiplied with."""

    count = 0

    def matvec(self, v):
        self.count += 1
        return super().matvec(v)
