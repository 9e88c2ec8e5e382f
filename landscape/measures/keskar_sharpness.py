"""Keskar's sharpness: the largest loss in a box around the weights, by L-BFGS-B."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from landscape.errors import UsageError
from landscape.measures.ascent import Ascent, best_of
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.perturbed_loss import Cost, PerturbedLoss, perturbed_loss
from landscape.measures.shared_noise import check_radius
from landscape.minimum import Minimum
from landscape.randomness import derive_seed
from landscape.registry import measures

_BLIND_SPOT = (
    "A lower bound of the maximum in a box whose size follows the weights' own; rescaling that leaves the function "
    "unchanged moves it."
)


@dataclass(frozen=True)
class _Box:
    """Coefficients y with |y| <= bounds, and the perturbation Ay that they stand for (A is the identity when None)."""

    bounds: Tensor
    A: Tensor | None

    def perturbation(self, y: Tensor) -> Tensor:
        return y if self.A is None else self.A @ y

    def slope(self, gradient: Tensor) -> Tensor:
        return gradient.double() if self.A is None else self.A.T @ gradient.double()

    def corner(self, gradient: Tensor) -> Tensor:
        """Return the corner furthest along a gradient: the one-step lower bound."""
        return self.bounds * self.slope(gradient).sign()


def keskar_sharpness(
    minimum: Minimum,
    *,
    seed: int = 0,
    rtol: float = 0.05,
    radius: float = 1e-3,
    iterations: int = 10,
    subspace: int = 0,
) -> Measurement:
    r"""Return $C_\epsilon = 100\, \frac{\max_y f(x + Ay) - f(x)}{1 + f(x)}$, $|y_i| \leq \epsilon\,(|(A^+x)_i| + 1)$.

    A is the identity (full space), or a random n by p matrix. The maximum is looked for by L-BFGS-B from the corner
    along the gradient, which is the one-step lower bound, and from a random point of the box.

    Args:
        minimum: What to measure.
        seed: Of the subspace and the random start.
        rtol: Tolerance of the optimisation gap, relative to the value.
        radius: $\epsilon$; Keskar et al. use 1e-3 and 5e-4.
        iterations: Of L-BFGS-B, 10 there.
        subspace: p, 100 there; 0 for the full space.

    Returns:
        The larger of the two: a lower bound of the maximum by construction, at least the one-step bound, which is in
        ``details``. Its error, the optimisation gap, is the larger of what the gradient there still promises within
        the box and the distance to the other start: an estimate, no bound.

    Raises:
        UsageError: If the radius is not positive, or a count out of its range.

    Cost:
        Some 25 forward and backward passes.

    Invariances:
        Permutation of neurons (in the full space).

    References:
        Keskar, Mudigere, Nocedal, Smelyanskiy, Tang 2017, "On large-batch training for deep learning", metric 2.1.
    """
    check_radius(radius)
    if iterations < 1 or not 0 <= subspace <= minimum.problem.num_parameters:
        raise UsageError(
            f"iterations must be at least 1 and subspace from 0 to the number of parameters; they are {iterations} and "
            f"{subspace}."
        )
    loss = perturbed_loss(minimum)
    cost = Cost(loss)
    box = _box(minimum, radius, subspace, seed)
    corner = box.corner(minimum.gradient)
    generator = torch.Generator().manual_seed(derive_seed(seed, "keskar start"))
    drawn = torch.rand(len(corner), generator=generator, dtype=torch.float64).to(corner.device)
    starts = (corner, box.bounds * (2 * drawn - 1))
    one_step = loss(box.perturbation(corner)).loss
    best = best_of([_maximize(loss, box, start, iterations) for start in starts])
    unit = 100 / (1 + loss.centre.loss)
    value, error = unit * best.value, unit * (best.gap + loss.rounding)
    measured = Measurement(
        value=value,
        error=error,
        error_kind="optimisation gap",
        converged=error <= rtol * abs(value),
        reason=f"the better of two starts, {iterations} iterations of L-BFGS-B each",
        caveat=f"epsilon {radius:g}, {f'{subspace} random directions' if subspace else 'full space'}. {_BLIND_SPOT}",
        details={
            "radius": radius,
            "subspace": subspace,
            "one_step": unit * one_step,
            "starts": [unit * each for each in best.starts],
            "first_order_gap": unit * best.first_order_gap,
        },
    )
    return cost.added(measured)


def _box(minimum: Minimum, radius: float, subspace: int, seed: int) -> _Box:
    x = minimum.theta.double()
    if not subspace:
        return _Box(radius * (x.abs() + 1), None)
    generator = torch.Generator().manual_seed(derive_seed(seed, "keskar subspace"))
    A = torch.randn(len(x), subspace, generator=generator, dtype=torch.float64).to(x.device) / math.sqrt(len(x))
    coefficients = torch.linalg.solve(A.T @ A, A.T @ x)
    return _Box(radius * (coefficients.abs() + 1), A)


def _maximize(loss: PerturbedLoss, box: _Box, start: Tensor, iterations: int) -> Ascent:
    """Return where L-BFGS-B ends, or the best point that it has seen."""
    seen: list[tuple[float, float]] = []

    def objective(y: np.ndarray) -> tuple[float, np.ndarray]:
        at = torch.from_numpy(y).to(box.bounds.device)
        value, gradient = loss.with_gradient(box.perturbation(at))
        slope = box.slope(gradient)
        seen.append((value, float((box.bounds * slope.abs()).sum() - torch.dot(slope, at))))
        return -value, -slope.cpu().numpy()

    limits = box.bounds.cpu().numpy()
    minimize(
        objective,
        start.cpu().numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=np.stack([-limits, limits], axis=1),
        options={"maxiter": iterations},
    )
    value, gap = max(seen)
    return Ascent(value, max(gap, 0.0), len(seen))


measures.register("keskar_sharpness", "C_eps: largest loss in a box around the weights, by L-BFGS-B (Keskar 2017)")(
    Measure(keskar_sharpness, "Keskar sharpness", r"C_\epsilon", _BLIND_SPOT, "Keskar sharpness", 30)
)
