"""Where the top eigenvalue of a set too large to sweep lies, from subsets of it."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats
from torch import Tensor

from landscape.errors import UsageError
from landscape.operators.hessian import Hessian
from landscape.problem import Problem
from landscape.randomness import derive_seed
from landscape.solvers.eigenpairs import dot
from landscape.solvers.lanczos import lanczos

Interval = tuple[float, float]


@dataclass(frozen=True)
class Bracket:
    """Two numbers between which, in expectation, the top eigenvalue of the whole set lies.

    Attributes:
        lower: Mean over resamples of v'H_T v, with v from S and T disjoint from S.
        lower_interval: Confidence interval of its expectation.
        upper: Mean over resamples of the top eigenvalue of H_S.
        upper_interval: Confidence interval of its expectation.
        examples: In each of S and T.
        resamples: How often S and T were drawn.
        matvecs: Products with H_S and H_T.
        cost: The same in products on the whole set.
        converged: Whether every top eigenvalue of a subset is within its tolerance.
        reason: What was done, in words.
    """

    lower: float
    lower_interval: Interval
    upper: float
    upper_interval: Interval
    examples: int
    resamples: int
    matvecs: int
    cost: float
    converged: bool
    reason: str


def subset_bracket(
    problem: Problem,
    theta: Tensor | None = None,
    *,
    examples: int,
    resamples: int = 10,
    confidence: float = 0.95,
    rtol: float = 1e-2,
    max_matvecs: int = 200,
    seed: int = 0,
) -> Bracket:
    r"""Return a bracket of the top eigenvalue of the Hessian of all examples, from subsets of them.

    With S and T disjoint random sets of m examples and v the top eigenvector of $H_S$,

    $$E[v^\top H_T v] \le \lambda_{\max}(H) \le E[\lambda_{\max}(H_S)].$$

    On the right because the largest eigenvalue is convex and $E[H_S] = H$ (Jensen). On the left because
    $v^\top Hv \le \lambda_{\max}(H)$ for any v, and $v^\top H_T v$ is on average $v^\top Hv$ less what v owes to S
    (T is drawn from what S leaves, so its mean is below $v^\top Hv$ by as much as $\lambda_{\max}(H_S)$ is above, times
    m / (N - m)).

    Args:
        problem: All examples.
        theta: The point, shape ``(n,)``; the model's own parameters by default.
        examples: m, at most half of all.
        resamples: How often S and T are drawn, at least 2.
        confidence: Of the intervals, Student's t over the resamples.
        rtol: Residual of each top eigenvalue of $H_S$, relative. An eigenvalue not found to the end is too small:
            by the square of this, far less than the spread.
        max_matvecs: Most products with one $H_S$.
        seed: Of the sets.

    Raises:
        UsageError: If two sets of ``examples`` are more than there are, or a number is out of its range.

    Cost:
        A top eigenvalue and one product on m examples for each resample.

    Pitfalls:
        The bracket holds for the expectations, and the intervals say how well these are known; a single draw may
        lie on either side. Given the data set the draws are independent, so that the intervals hold for *its*
        eigenvalue even where draws share examples (always, unless N is far above 2 m times ``resamples``); they say
        nothing of other examples from the same source. Few resamples of a skewed distribution (a handful of examples
        carries the curvature) make the nominal confidence optimistic. The two sides differ by what m examples leave
        open, however many resamples there are.

    References:
        Jensen's inequality for the largest eigenvalue: Boyd and Vandenberghe 2004, "Convex optimization", 3.1.5.
    """
    if resamples < 2 or not 0 < confidence < 1:
        raise UsageError(
            f"A bracket needs at least 2 resamples and a confidence between 0 and 1; "
            f"they are {resamples} and {confidence}."
        )
    lower, upper, matvecs, converged = [], [], 0, True
    for index in range(resamples):
        S, T = problem.split(examples, derive_seed(seed, "subset bracket", index))
        pairs = lanczos(Hessian(S, theta), rtol=rtol, max_matvecs=max_matvecs, seed=seed)
        v = pairs.vectors[:, 0]
        lower.append(dot(v, Hessian(T, theta) @ v))
        upper.append(float(pairs.values[0]))
        matvecs += pairs.matvecs + 1
        converged &= pairs.converged
    return Bracket(
        lower=float(np.mean(lower)),
        lower_interval=_interval(lower, confidence),
        upper=float(np.mean(upper)),
        upper_interval=_interval(upper, confidence),
        examples=examples,
        resamples=resamples,
        matvecs=matvecs,
        cost=matvecs * examples / problem.num_examples,
        converged=converged,
        reason=f"{resamples} draws of twice {examples} of {problem.num_examples} examples"
        + ("" if converged else f"; max_matvecs ({max_matvecs}) reached in some"),
    )


def _interval(values: list[float], confidence: float) -> Interval:
    """Return Student's t interval of the mean."""
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1)) * error
    return mean - half, mean + half
