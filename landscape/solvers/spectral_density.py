"""The spectral density by stochastic Lanczos quadrature, the leading eigenvalues taken out exactly."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.density import SpectralDensity
from landscape.solvers.lanczos_quadrature import Quadrature, quadrature
from landscape.solvers.probes import draw_probes, sphere

_RESOLVED = 1e-3
_SINGLE = 15.0
_FEWEST = 3
_SLICE = 2**14


def spectral_density(
    operator: SymmetricOperator,
    *,
    num_probes: int = 8,
    steps: int = 80,
    rtol: float | None = None,
    seed: int = 0,
    first: Quadrature | None = None,
    function: Callable[[np.ndarray], np.ndarray] | None = None,
    storage: BasisStorage | None = None,
) -> SpectralDensity:
    r"""Return the distribution of the eigenvalues, with its spread over probes.

    The eigenvalue distribution $\frac1n \sum_i \delta(\lambda - \lambda_i)$ is the mean over random unit vectors q of
    $\sum_i (q^\top u_i)^2\, \delta(\lambda - \lambda_i)$, which ``steps`` products turn into a Gauss quadrature with
    as many nodes (exact for polynomials of degree 2 steps - 1). The first probe also resolves the eigenvalues at
    both ends of the spectrum. These are counted once each, with weight 1/n, and every probe is seen in their
    complement only: what they would add to the variance is gone.

    Args:
        operator: Any symmetric operator.
        num_probes: Random vectors, at most.
        steps: Lanczos steps for each. Details of the bulk finer than its width over ``steps`` are not resolved.
        rtol: Stop after fewer probes, at least 3, when the standard error of the trace is at most ``rtol`` times its
            magnitude; None takes all of them.
        seed: Of the probes; probe i is the same whatever their number.
        first: The first probe, where it is there already: a quadrature from a random unit vector.
        function: Of eigenvalues, whose sum over them ``rtol`` refers to instead of the trace.
        storage: Where the vectors of a probe are kept; their precision is always the operator's.

    Returns:
        Nodes and weights of every probe, and the eigenvalues that are resolved: from the outermost inwards, as long
        as the residual is at most 1e-3 of the eigenvalue and the weight no more than one eigenvalue has.

    Raises:
        UsageError: If a count or the tolerance is out of its range.

    Cost:
        ``steps`` products a probe; ``steps`` vectors of length n in memory, and one for every resolved eigenvalue.

    Pitfalls:
        An eigenvalue with several eigenvectors is found once by each probe. As many copies of a leading one are
        counted as there are probes; ``converged`` is False while new copies turn up.

    References:
        Lin, Saad, Yang 2016, "Approximating spectral densities of large matrices", section 3.2. Ghorbani, Krishnan,
        Xiao 2019, "An investigation into neural net optimization via Hessian eigenvalue density". Full
        reorthogonalisation, Parlett 1998, "The symmetric eigenvalue problem", section 13.3.
    """
    _check(num_probes, steps, rtol)
    n = operator.shape[0]
    gathered, kept = _Gathered(operator), None if storage is None else storage.exact()
    for index in range(num_probes):
        if len(gathered.known) == n:
            break
        if first is not None and index == 0:
            gathered.add(first)
        else:
            start = draw_probes(operator, sphere, seed, "spectral density", [index])[0]
            gathered.add(quadrature(operator, start, min(steps, n - len(gathered.known)), gathered.known, kept))
        found = gathered.density(steps, seed, converged=True, reason=f"all of {num_probes} probes")
        mean, error = found.mean(function or (lambda x: x))
        if rtol is not None and index + 1 >= _FEWEST and error <= rtol * abs(mean):
            reason = f"the standard error of the {'sum' if function else 'trace'} is within rtol"
            return gathered.density(steps, seed, converged=True, reason=reason)
    return gathered.finished(steps, seed, rtol is not None and error > rtol * abs(mean), num_probes)


class _Gathered:
    """What the probes so far have found."""

    def __init__(self, operator: SymmetricOperator) -> None:
        self.n = operator.shape[0]
        self.precision = float(torch.finfo(operator.dtype).eps)
        self.known = torch.empty(0, self.n, dtype=operator.dtype, device=operator.device)
        self.values, self.residuals = np.empty(0), np.empty(0)
        self.rules: list[tuple[np.ndarray, np.ndarray]] = []
        self.matvecs = 0
        self.repeated = False
        self.copies = np.empty((2, 0))

    def add(self, found: Quadrature) -> None:
        """Take the resolved eigenvalues out of a probe's quadrature, and keep the rest."""
        spikes = resolved(found, self.n - len(self.known))
        if self.rules:
            # only copies of what is known: the earlier probes have no component along these, so they need no mending
            low, high = self._ends()
            spikes &= (found.nodes > high) | (found.nodes < low)
            self.repeated = bool(spikes.any())
            self.copies = np.array([found.nodes[spikes], (self.n - len(self.known)) * found.weights[spikes]])
        self.matvecs += found.matvecs
        self._remember(found, spikes)
        weights = found.weights[~spikes]
        self.rules.append((found.nodes[~spikes], weights / max(weights.sum(), np.finfo(float).tiny)))

    def _ends(self) -> tuple[float, float]:
        """Return the innermost resolved eigenvalue of each sign; beyond them nothing should be left."""
        below, above = self.values[self.values < 0], self.values[self.values > 0]
        return (below.max() if len(below) else -np.inf), (above.min() if len(above) else np.inf)

    def _remember(self, found: Quadrature, spikes: np.ndarray) -> None:
        if not spikes.any():
            return
        vectors = found.ritz_vectors(spikes)
        self.known = _orthonormal(torch.cat([self.known, vectors]) if len(self.known) else vectors)
        self.values = np.append(self.values, found.nodes[spikes])
        self.residuals = np.append(self.residuals, found.residuals[spikes])

    def density(self, steps: int, seed: int, *, converged: bool, reason: str) -> SpectralDensity:
        """Return the density so far; every quadrature is padded to the longest with weights of zero."""
        longest = max(len(nodes) for nodes, _ in self.rules)
        nodes, weights = (np.zeros((len(self.rules), longest)) for _ in range(2))
        for row, (x, w) in enumerate(self.rules):
            nodes[row, : len(x)], weights[row, : len(x)] = x, w
            nodes[row, len(x) :] = x[-1] if len(x) else 0.0
        order = np.argsort(-self.values)
        share = 1 - len(self.values) / self.n
        return SpectralDensity(
            nodes=nodes,
            weights=share * weights,
            resolved=self.values[order],
            residuals=self.residuals[order],
            n=self.n,
            matvecs=self.matvecs,
            steps=steps,
            seed=seed,
            precision=self.precision,
            copies=self.copies,
            converged=converged,
            reason=reason,
        )

    def finished(self, steps: int, seed: int, short: bool, most: int) -> SpectralDensity:
        """Return the density after the last probe."""
        if self.repeated:
            return self.density(steps, seed, converged=False, reason="the last probe still found a repeated eigenvalue")
        if len(self.known) == self.n:
            return self.density(steps, seed, converged=True, reason="every eigenvalue is resolved")
        if short:
            return self.density(steps, seed, converged=False, reason=f"num_probes ({most}) reached")
        return self.density(steps, seed, converged=True, reason=f"all of {most} probes")


def resolved(found: Quadrature, size: int) -> np.ndarray:
    """Return which nodes are single resolved eigenvalues at the ends of the spectrum, as a mask of shape ``(m,)``.

    From each end inwards, while the residual is small against the eigenvalue and the weight, which is chi-square with
    one degree of freedom over ``size`` for a single eigenvalue, is not that of a cluster (15: one in 10,000).
    """
    good = (found.residuals <= _RESOLVED * np.abs(found.nodes)) & (found.weights * size <= _SINGLE)
    # the ends are those of either sign: what is resolved next to zero is part of the bulk
    above = good & (found.nodes > 0)
    below = good & (found.nodes < 0)
    from_top = np.logical_and.accumulate(above[::-1])[::-1]
    from_bottom = np.logical_and.accumulate(below)
    return np.asarray(from_top | from_bottom)


def _orthonormal(rows: Tensor) -> Tensor:
    """Make nearly orthonormal rows orthonormal, in place and a slice of columns at a time: by their Gram matrix."""
    slices = torch.split(rows, _SLICE, dim=1)
    gram = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=rows.device)
    for each in slices:
        gram += each.double() @ each.double().T
    inverse = torch.linalg.inv(torch.linalg.cholesky(gram))
    for each in slices:
        each.copy_(inverse @ each.double())
    return rows


def _check(num_probes: int, steps: int, rtol: float | None) -> None:
    if num_probes < 1 or steps < 2:
        raise UsageError(f"num_probes must be at least 1 and steps at least 2; they are {num_probes} and {steps}.")
    if rtol is not None and not rtol > 0:
        raise UsageError(f"rtol must be positive; it is {rtol}. Leave it out to use all probes.")
