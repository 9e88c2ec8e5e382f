"""Random symmetric matrices of known spectra, of the kinds that fool eigenvalue solvers."""

import numpy as np
import torch

KINDS = (
    "clustered", "repeated", "graded", "negative", "plus and minus", "near zero", "indefinite", "all but two the same",
    "gaps of 1e-6", "a gap of 1e-9",
)  # fmt: skip


def values_of(kind, n, rng):
    x = rng.normal(size=n)
    values = {
        "clustered": 1 + 1e-4 * x,
        "repeated": rng.integers(-2, 3, n).astype(float),
        "graded": 10.0 ** -np.arange(n) * np.sign(x),
        "negative": -np.abs(x) - 0.1,
        "plus and minus": np.concatenate([x[: n // 2], -x[: n - n // 2]]),
        "near zero": 1e-9 * x + (np.arange(n) == 0),
        "indefinite": x,
        "all but two the same": np.where(np.arange(n) < n - 2, 2.0, 0.3 * x),
        "gaps of 1e-6": 1 - 1e-6 * np.arange(n),
        "a gap of 1e-9": np.where(np.arange(n) < 2, 1 - 1e-9 * np.arange(n), 0.9 * np.tanh(x)),
    }[kind]
    return np.sort(values)[::-1]


def matrix_with(values, rng, dtype=torch.float64):
    """Return a matrix of these eigenvalues in a random basis, and its exact eigenvalues after rounding to dtype."""
    Q = np.linalg.qr(rng.normal(size=(len(values), len(values))))[0]
    A = (Q * np.asarray(values)) @ Q.T
    A = torch.from_numpy((A + A.T) / 2).to(dtype)
    return A, np.linalg.eigvalsh(A.double().numpy())[::-1]


def many(count, seed, largest):
    """Go through ``count`` matrices: kind, matrix in float64 or float32, eigenvalues in descending order."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        kind = KINDS[index % len(KINDS)]
        dtype = (torch.float64, torch.float32)[index // len(KINDS) % 2]
        A, exact = matrix_with(values_of(kind, int(rng.integers(2, largest + 1)), rng), rng, dtype)
        yield kind, A, exact
