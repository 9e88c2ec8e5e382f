"""The largest rise of the loss in a ball around the weights."""

from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.measures.ascent import ascend, best_of
from landscape.measures.ball import Ball, Norm
from landscape.measures.logit_normalization import logit_normalized
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.perturbed_loss import Cost, PerturbedLoss, perturbed_loss
from landscape.measures.shared_lanczos import extreme_eigenpairs
from landscape.measures.shared_noise import check_radius
from landscape.minimum import Minimum
from landscape.randomness import derive_seed
from landscape.registry import measures

_BLIND_SPOT = (
    "The worst direction at one radius only, and a lower bound of it: the search cannot prove that there is no worse "
    "one. Rescaling that leaves the function unchanged moves it."
)


@dataclass(frozen=True)
class BallSearch:
    """How the maximum is looked for.

    Attributes:
        norm: Of the ball.
        radius: Of the ball.
        steps: Most gradients from each start; 1 is the step of SAM alone.
        restarts: Starts beside the step of SAM.
        normalize_logits: Whether the loss is that of outputs divided by their spread.
        adaptive: Whether the ball is measured in units of the weights.

    Raises:
        UsageError: If a number is out of its range.
    """

    norm: Norm
    radius: float
    steps: int
    restarts: int
    normalize_logits: bool
    adaptive: bool

    def __post_init__(self) -> None:
        """Refuse what cannot be searched."""
        check_radius(self.radius)
        if self.steps < 1 or self.restarts < 0:
            raise UsageError(
                f"steps must be at least 1 and restarts 0 or more; they are {self.steps} and {self.restarts}."
            )


def worst_case_sharpness(
    minimum: Minimum,
    *,
    seed: int = 0,
    rtol: float = 0.02,
    norm: Norm = "l2",
    radius: float | None = None,
    steps: int = 20,
    restarts: int = 2,
    normalize_logits: bool = False,
) -> Measurement:
    r"""Return $\max_{|\delta| \leq \rho} L(\theta + \delta) - L(\theta)$, from below.

    Ascent from the step of SAM, $\rho\, g/|g|$ (for linf $\rho \operatorname{sign} g$), and from random points of the
    surface. At a stationary point of a smooth network it tends to $\frac{\rho^2}{2} \lambda_{\max}$ as the radius goes
    to 0 (l2).

    Args:
        minimum: What to measure.
        seed: Of the random starts.
        rtol: Tolerance of the optimisation gap, relative to the value.
        norm: ``"l2"`` or ``"linf"``.
        radius: $\rho$; 0.05 for l2 and 0.0005 for linf when None.
        steps: Most gradients from each start. 1 with ``restarts=0`` is one-step SAM sharpness.
        restarts: Random starts.
        normalize_logits: Whether each example's outputs are divided by their standard deviation over classes.

    Returns:
        The largest rise found: a lower bound of the maximum by construction. Its error, the optimisation gap, is the
        larger of what the gradient at the best point still promises within the ball and the distance to the second
        best start: an estimate, no bound. ``details`` has the rise of the one step of SAM, that of every start, and
        ``quadratic_upper_bound``, $\rho|g| + \frac{\rho^2}{2}\lambda_{\max}$, which holds where the loss is quadratic
        within the ball (l2 only).

    Raises:
        UsageError: If the radius is not positive, or a count out of its range.

    Cost:
        A forward and a backward pass a step, up to 20 for each of three starts.

    Invariances:
        Permutation of neurons. With ``normalize_logits`` also scaling of the outputs, if it is not by the weights.

    References:
        Foret, Kleiner, Mobahi, Neyshabur 2021, "Sharpness-aware minimization", eq. 2; Andriushchenko, Croce, Mueller,
        Hein, Flammarion 2023, "A modern look at the relationship between sharpness and generalization", eq. 2.
    """
    radius = {"l2": 0.05, "linf": 0.0005}[norm] if radius is None else radius
    search = BallSearch(norm, radius, steps, restarts, normalize_logits, adaptive=False)
    return worst_case(minimum, search, seed=seed, rtol=rtol, caveat=_BLIND_SPOT)


def worst_case(minimum: Minimum, search: BallSearch, *, seed: int, rtol: float, caveat: str) -> Measurement:
    """Return the largest rise that a search finds in a plain or adaptive ball."""
    loss = _loss(minimum, search)
    cost = Cost(loss)
    theta = minimum.theta.double()
    ball = Ball(search.norm, search.radius, theta.abs() if search.adaptive else torch.ones_like(theta))
    gradient = loss.with_gradient(torch.zeros_like(theta))[1] if search.normalize_logits else minimum.gradient
    sam = ball.farthest(gradient)
    one_step = loss(sam).loss
    drawn = [ball.random(derive_seed(seed, "worst case", index)) for index in range(search.restarts)]
    # a tenth: the gap is what the next step is sure to bring, and several may follow
    ascents = [ascend(loss, ball.farthest, start, search.steps, rtol / 10) for start in (sam, *drawn)]
    best = best_of(ascents)
    bound = _quadratic_bound(minimum, ball, gradient, search, seed)
    measured = Measurement(
        value=best.value,
        error=best.gap + loss.rounding,
        error_kind="optimisation gap",
        matvecs=0 if bound is None else bound[1],
        converged=best.gap + loss.rounding <= rtol * abs(best.value),
        reason=f"the best of {len(ascents)} starts, {sum(each.steps for each in ascents)} gradients",
        caveat=f"{search.norm} ball of radius {search.radius:g}. {caveat}",
        details={
            "norm": search.norm,
            "radius": search.radius,
            "normalize_logits": search.normalize_logits,
            "one_step": one_step,
            "starts": list(best.starts),
            "first_order_gap": best.first_order_gap,
            "quadratic_upper_bound": None if bound is None else bound[0],
        },
    )
    return cost.added(measured)


def _loss(minimum: Minimum, search: BallSearch) -> PerturbedLoss:
    if not search.normalize_logits:
        return perturbed_loss(minimum)
    return minimum.shared(
        ("logit-normalised loss at the centre",),
        lambda: PerturbedLoss(minimum.problem, minimum.theta, logit_normalized(minimum.problem)),
    ).value


def _quadratic_bound(
    minimum: Minimum, ball: Ball, gradient: Tensor, search: BallSearch, seed: int
) -> tuple[float, int] | None:
    """Return the most that a quadratic loss can rise, and the products that it took; None where it is not known."""
    if search.norm != "l2" or search.normalize_logits:
        return None
    operator = "adaptive_hessian" if search.adaptive else "hessian"
    pairs, own = extreme_eigenpairs(minimum, operator, rtol=1e-3, max_matvecs=200, seed=seed)
    top = max(0.0, float(pairs.values[0] + pairs.residuals[0]))
    return ball.longest(gradient) + 0.5 * search.radius**2 * top, own


measures.register("worst_case_sharpness", "largest rise of the loss in a ball around the weights (SAM)")(
    Measure(
        worst_case_sharpness,
        "worst-case sharpness",
        r"\max_{|\delta| = \rho} L(\theta + \delta) - L(\theta)",
        _BLIND_SPOT,
        "worst-case sharpness",
        50,
        keeps="eigenvalues",
    )
)
