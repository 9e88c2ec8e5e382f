"""Every solver against the strong claim: each value within its bound of the eigenvalue of its own rank."""

from collections import Counter

import numpy as np
import torch
from known_spectra import matrix_with

from landscape import Dense
from landscape.solvers import EIGEN_SOLVERS

SPECTRA = {
    "normal": lambda n, rng: rng.normal(size=n),
    "triples": lambda n, rng: np.repeat(rng.normal(size=-(-n // 3)), 3)[:n],
    "half the same": lambda n, rng: np.where(np.arange(n) < n // 2, 1.0, rng.uniform(-0.5, 0.9, n)),
    "gaps of 1e-6": lambda n, rng: 1 - 1e-6 * np.arange(n),
    "three within 2e-6": lambda n, rng: np.where(np.arange(n) < 3, 1 - 1e-6 * np.arange(n), rng.uniform(0, 0.99, n)),
    "clustered": lambda n, rng: 1 - 1e-9 * np.arange(n),
    "half clustered": lambda n, rng: np.where(np.arange(n) < n // 2, 1 - 1e-9 * np.arange(n), rng.uniform(0, 0.5, n)),
    "near one": lambda n, rng: 1 + 1e-3 * rng.normal(size=n),
    "indefinite": lambda n, rng: np.r_[1, -1.0000001, rng.uniform(-0.9, 0.9, n)][:n],
    "plus and minus": lambda n, rng: np.where(np.arange(n) % 2, 1.0, -1.0),
    "singular": lambda n, rng: np.where(np.arange(n) < rng.integers(1, n + 1), 0.0, rng.normal(size=n)),
    "rank one": lambda n, rng: np.where(np.arange(n) < 1, 1.0, 0.0),
    "decaying": lambda n, rng: 10.0 ** -np.arange(n),
    "negative": lambda n, rng: -np.abs(rng.normal(size=n)) - 0.1,
    "a million below": lambda n, rng: np.r_[-1e6, rng.uniform(0, 1, n)][:n],
}
LANCZOS = ("lanczos", "lanczos, few vectors", "block_lanczos")
EVERY = (*LANCZOS, "power_iteration", "eigsh", "lobpcg")


def exceeded(name, index, *, largest=64):
    """Return what became of one random matrix: "held", "not converged" or "exceeded", and the words for it."""
    rng = np.random.default_rng([index, 11])
    kind = list(SPECTRA)[index % len(SPECTRA)]
    n = int(rng.integers(4, largest + 1))
    dtype = (torch.float64, torch.float32)[index // len(SPECTRA) % 2]
    A, exact = matrix_with(np.sort(SPECTRA[kind](n, rng))[::-1], rng, dtype)
    k, rtol = int(rng.integers(1, min(n - 2, 4) + 1)), float(rng.choice([1e-1, 1e-2, 1e-3, 1e-5, 1e-8]))
    bottom = int(rng.integers(0, 2)) if name != "power_iteration" else 0
    room = {"max_basis": int(rng.integers(k + bottom + 3, k + bottom + 8))} if name == "lanczos, few vectors" else {}
    solver = EIGEN_SOLVERS[name.partition(",")[0]]
    pairs = solver(Dense(A), k, bottom=bottom, rtol=rtol, max_matvecs=400, seed=index, **room)
    error = np.abs(pairs.values - np.r_[exact[:k], exact[n - bottom :]])
    words = (
        f"{name} {index} {kind} n={n} k={k}+{bottom} rtol={rtol} {dtype}: {error} beyond {pairs.bounds}; {pairs.reason}"
    )
    if not pairs.converged:
        return "not converged", words
    return ("held" if np.all(error <= pairs.bounds) else "exceeded"), words


def counted(name, indices, *, largest=64):
    """Return how many of each, and the words for those that are exceeded."""
    found = [exceeded(name, index, largest=largest) for index in indices]
    return Counter(kind for kind, _ in found), [words for kind, words in found if kind == "exceeded"]
