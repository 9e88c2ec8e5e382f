"""A distribution of eigenvalues, and what can be read from it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from landscape.solvers.estimate import Estimate, student_factor
from landscape.solvers.gauss_rules import Array, interpolated_share, share_bounds, smoothed
from landscape.solvers.mass import Mass, finite
from landscape.solvers.outliers import Outliers, find_outliers
from landscape.solvers.quadrature_error import error_of_quadratures

_NEAR_ZERO = 0.01
_WIDTH = 0.005
_POINTS = 801


@dataclass(frozen=True)
class SpectralDensity:
    r"""The distribution of the n eigenvalues: resolved ones with weight 1/n each, quadratures for the others.

    Every number comes as a mean over probes with its standard error. That of a mean over eigenvalues is not the spread
    of p estimates, which may happen to agree, but what the variance of the eigenvalues within the quadratures makes
    it, with Student's factor for p probes; that of a mass has what the quadrature cannot tell besides.

    Attributes:
        nodes: Nodes of the quadrature of each probe, shape ``(p, m)``.
        weights: Their weights, shape ``(p, m)``; each row adds up to 1 - len(resolved)/n.
        resolved: Single eigenvalues at the ends of the spectrum, largest first, shape ``(k,)``.
        residuals: How far each may be from an eigenvalue, shape ``(k,)``.
        n: Number of eigenvalues.
        matvecs: Products spent.
        steps: Lanczos steps a probe.
        seed: Of the probes.
        precision: Rounding of the products' numbers, relative.
        copies: Eigenvalues of which the last probe still found a copy, and how many copies were left by its weight,
            shape ``(2, c)``.
        converged: Whether the tolerance asked for was met.
        reason: Why it stopped, in words.
    """

    nodes: Array
    weights: Array
    resolved: Array
    residuals: Array
    n: int
    matvecs: int
    steps: int
    seed: int
    converged: bool
    reason: str
    precision: float = float(np.finfo(float).eps)
    copies: Array = field(default_factory=lambda: np.empty((2, 0)))

    def __str__(self) -> str:
        """What it holds, in two lines."""
        ends = np.concatenate([self.resolved, self.nodes.ravel()])
        probes, trace = len(self.nodes), self.trace()
        return (
            f"{self.n} eigenvalues, about {ends.min():.4g} to {ends.max():.4g}, {len(self.resolved)} resolved singly; "
            f"trace {trace.value:.4g} ± {trace.error:.2g}\n"
            f"{self.matvecs} products, {probes} probes of {self.steps} steps; {self.reason}"
        )

    def samples(self, function: Callable[[Array], Array]) -> Array:
        r"""Return each probe's estimate of $\frac1n \sum_i f(\lambda_i)$, shape ``(p,)``."""
        values: Array = (self.weights * function(self.nodes)).sum(1) + function(self.resolved).sum() / self.n
        return values

    def mean(self, function: Callable[[Array], Array]) -> tuple[float, float]:
        r"""Return $\frac1n \sum_i f(\lambda_i)$ and its standard error, which is infinite with one probe.

        For a random unit vector q in m dimensions $\operatorname{Var} q^\top f(H) q = \frac{2}{m+2}
        \operatorname{Var}_{\lambda} f(\lambda)$, over the m eigenvalues that are not resolved. In the error are also
        what residuals let the resolved ones be off by; copies of them that may be left, as probes that went before do
        not see those; and rounding.
        """
        samples, inside = self.samples(function), function(self.nodes)
        spread = self._error(self.weights, inside)
        at = function(self.resolved)
        off = [np.abs(function(self.resolved + sign * self.residuals) - at) for sign in (1, -1)]
        shifts = float(np.linalg.norm(np.maximum(*off))) / self.n
        if len(self.resolved) and len(samples) > 1:
            shifts = math.hypot(shifts, float(samples[1:].mean() - samples.mean()))
        values, left = self.copies
        shifts += 2 * float((np.maximum(left, 1.0) * np.abs(function(values))).sum()) / self.n
        rounding = 32 * self.precision * float((self.weights * np.abs(inside)).sum()) / len(samples)
        return float(samples.mean()), math.hypot(spread, shifts) + rounding

    def _error(self, weights: Array, values: Array) -> float:
        rest = self.n - len(self.resolved)
        return rest / self.n * error_of_quadratures(weights, values, rest, len(self.nodes))

    def moment(self, power: int) -> tuple[float, float]:
        r"""Return $\frac1n \operatorname{tr} H^p$ and its standard error; the quadrature adds no error to it."""
        return self.mean(lambda x: x**power)

    def trace(self) -> Estimate:
        """Return the trace, unbiased."""
        value, error = self.moment(1)
        return Estimate(self.n * value, self.n * error, self.matvecs, self.converged, self.reason)

    def density(self, grid: Array, width: float, *, linear_below: float | None = None) -> tuple[Array, Array]:
        r"""Return the density smoothed by Gaussians, and its standard error, each of the shape of ``grid``.

        A quadrature cannot tell what lies between its nodes: the Gaussian of a node, or of a resolved eigenvalue, has
        at least half the distance of its neighbours from one another as two standard deviations.

        Args:
            grid: Eigenvalues.
            width: Least standard deviation of a Gaussian, in the unit of the eigenvalues.
            linear_below: If given, smoothing and density are those on the axis
                $u = \operatorname{arsinh}(\lambda / \text{linear\_below})$: linear below it, logarithmic
                above, and ``width`` is in units of u (about a factor of e each).
        """
        at, nodes, resolved = (_axis(x, linear_below) for x in (grid, self.nodes, self.resolved))
        share = np.full(len(resolved), 1 / self.n)
        rules = [(x[w > 0], w[w > 0]) for x, w in zip(nodes, self.weights, strict=True)]
        rows = [smoothed(x, w, at, width) for x, w in rules]
        return _spread(np.array(rows) + smoothed(resolved[::-1], share, at, width))

    def cumulative(self, grid: Array) -> tuple[Array, Array]:
        """Return the share of the eigenvalues up to each point of ``grid``, and its standard error.

        A node stands for the eigenvalues around it: half of its weight lies to either side, and the share in between
        is interpolated.
        """
        spikes = (self.resolved[None, :] <= grid[:, None]).sum(1) / self.n
        return _spread(np.array([interpolated_share(*rule, grid) for rule in self._rules()]) + spikes)

    def quantile(self, share: float) -> float:
        """Return the eigenvalue that ``share`` of the eigenvalues do not exceed."""
        points = np.unique(np.concatenate([self.nodes.ravel(), self.resolved]))
        value, _ = self.cumulative(points)
        return float(points[min(int(np.searchsorted(value, share)), len(points) - 1)])

    def mass(self, low: float, high: float) -> Mass:
        """Return the share of the eigenvalues in [low, high].

        The standard error is over probes. What a quadrature of so many steps cannot tell is in the range from
        ``least`` to ``most``, which holds for every distribution with these quadratures, and in the error.
        """
        ends = np.array([low, high])
        rules = self._rules()
        inside = np.array([np.diff(interpolated_share(*rule, ends))[0] for rule in rules])
        bounds = [share_bounds(*rule, ends) for rule in rules]
        spikes = float(((self.resolved >= low) & (self.resolved <= high)).sum()) / self.n
        value = float(inside.mean())
        rest = 1 - len(self.resolved) / self.n - value
        error = self._error(np.array([max(value, 0.0), max(rest, 0.0)]), np.array([1.0, 0.0]))
        least = np.mean([max(b[0][1] - b[1][0], 0.0) for b in bounds])
        most = np.mean([b[1][1] - b[0][0] for b in bounds])
        return Mass(value + spikes, error, float(least) + spikes, float(most) + spikes)

    def _rules(self) -> list[tuple[Array, Array]]:
        return [(x[w > 0], w[w > 0]) for x, w in zip(self.nodes, self.weights, strict=True)]

    @property
    def above(self) -> Outliers:
        """The outliers among the resolved positive eigenvalues."""
        return self._outliers(self.resolved > 0, 1)

    @property
    def below(self) -> Outliers:
        """The outliers among the resolved negative eigenvalues."""
        return self._outliers(self.resolved < 0, -1)

    def _outliers(self, chosen: Array, step: int) -> Outliers:
        if not chosen.any():
            return find_outliers(self.resolved[:0])
        left = step * self.nodes[self.weights > 0]
        # a bulk that does not reach to this side of zero ends, for this side, at zero, to which no gap counts
        edge = step * max(float(left.max(initial=0.0)), 0.0)
        return find_outliers(self.resolved[chosen][::step], self.residuals[chosen][::step], edge)

    @property
    def largest(self) -> float:
        """The largest magnitude of an eigenvalue."""
        return float(max(np.abs(self.nodes).max(initial=0.0), np.abs(self.resolved).max(initial=0.0)))

    @property
    def resolution(self) -> float:
        """The distance between the nodes on either side of zero, averaged over probes: finer details are lost."""
        return float(np.mean([_gap_at_zero(nodes) for nodes, _ in self._rules()]))

    def distribution(self) -> tuple[Array, Array]:
        """Return all eigenvalue estimates and their weights, which add up to 1, each of shape ``(p m + k,)``."""
        share = np.full(len(self.resolved), 1 / self.n)
        return (
            np.concatenate([self.nodes.ravel(), self.resolved]),
            np.concatenate([self.weights.ravel() / len(self.nodes), share]),
        )

    def of_fewer_steps(self, wanted: int) -> "SpectralDensity":
        """Return the same, with the reason where it has fewer steps than were wanted: memory held no more vectors."""
        if self.steps >= wanted:
            return self
        reason = f"{self.reason}, of {self.steps} steps instead of {wanted}: memory holds no more vectors"
        return replace(self, reason=reason)

    def to_dict(self, *, num_classes: int | None = None, threshold: float | None = None) -> dict[str, Any]:
        """Return what a figure of the density needs, as plain JSON types.

        Args:
            num_classes: What the number of outliers is held against, where there are classes.
            threshold: Eigenvalues of at most this magnitude count as near zero; by default a hundredth of the largest
                magnitude, or the resolution where that is coarser.
        """
        near = max(_NEAR_ZERO * self.largest, self.resolution) if threshold is None else threshold
        mass = self.mass(-near, near)
        trace = self.trace()
        return {
            "n": self.n,
            "num_classes": num_classes,
            "probes": len(self.nodes),
            "steps": self.steps,
            "seed": self.seed,
            "matvecs": self.matvecs,
            "converged": self.converged,
            "reason": self.reason,
            "trace": {"value": trace.value, "error": finite(trace.error)},
            "near_zero": {"threshold": near, **mass.to_dict()},
            "above": _ends(self.above),
            "below": _ends(self.below),
            "linear": self._curve(None),
            "symlog": self._curve(max(self.resolution, 1e-4 * self.largest) or 1.0),
        }

    def _curve(self, linear_below: float | None) -> dict[str, Any]:
        """Return the smoothed density on a grid over the whole spectrum, with the outliers left to be spikes."""
        every = np.concatenate([self.nodes[self.weights > 0], self.resolved])
        ends = _axis(np.array([every.min(), every.max()]), linear_below)
        width = _WIDTH * float(ends[1] - ends[0]) or 1.0
        at = np.linspace(ends[0] - 4 * width, ends[1] + 4 * width, _POINTS)
        grid = at if linear_below is None else linear_below * np.sinh(at)
        bulk = replace(self, resolved=self._without_outliers())
        value, error = bulk.density(grid, width, linear_below=linear_below)
        return {
            "grid": grid.tolist(),
            "density": value.tolist(),
            "error": [finite(each) for each in error.tolist()],
            "width": width,
            "linear_below": linear_below,
            "one_eigenvalue": 1 / (self.n * width * math.sqrt(2 * math.pi)),
        }

    def _without_outliers(self) -> Array:
        return self.resolved[self.above.count : len(self.resolved) - self.below.count]


def _ends(found: Outliers) -> dict[str, Any]:
    return {
        "values": found.values.tolist(),
        "residuals": found.residuals.tolist(),
        "count": found.count,
        "gap": finite(found.gap),
        "gap_after": found.gap_after,
        "bulk_edge": found.bulk_edge,
    }


def _axis(x: Array, linear_below: float | None) -> Array:
    return x if linear_below is None else np.arcsinh(x / linear_below)


def _gap_at_zero(nodes: Array) -> float:
    index = int(np.searchsorted(nodes, 0.0))
    return float(nodes[min(index, len(nodes) - 1)] - nodes[max(index - 1, 0)]) if len(nodes) else 0.0


def _spread(rows: Array) -> tuple[Array, Array]:
    """Return the mean over probes and its standard error by their spread, which a single probe does not have."""
    if len(rows) < 2:
        return rows[0], np.full(rows.shape[1], np.inf)
    return rows.mean(0), student_factor(len(rows) - 1) * rows.std(0, ddof=1) / np.sqrt(len(rows))
