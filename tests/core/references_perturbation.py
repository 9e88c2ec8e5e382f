"""What the measures of perturbed losses are tested against: limits, other optimisers, closed forms."""

import numpy as np
import torch
from dense_oracle import dense_hessian
from measure_case import Reference
from scipy.optimize import NonlinearConstraint, brentq, minimize
from scipy.stats import norm
from torch.nn import functional as F

RADIUS = 1e-3
NOISE = {"radius": RADIUS, "radii": (), "rtol": 0.03, "max_pairs": 20_000}
QUICK = {"radius": 0.01, "radii": (), "max_pairs": 10}
FEW = {"radii": (), "rtol": 1e-9, "max_pairs": 10}
SEARCH = {"rtol": 0.05, "steps": 200, "restarts": 3}


def average(case):
    """The limit of small noise on a smooth network; what is of fourth order is 1e-6 of it here."""
    return RADIUS**2 / 2 * case.H.trace()


def adaptive_average(case):
    return RADIUS**2 / 2 * (case.minimum.theta.square() * case.H.diag()).sum()


def low_pass(case):
    return case.loss(0) + average(case)


def largest_in_ball(radius, adaptive):
    """The largest rise by SLSQP from several starts: another algorithm than that of the measure."""

    def value(case):
        scale = case.minimum.theta.abs() if adaptive else torch.ones_like(case.minimum.theta)
        centre = case.loss(0)

        def objective(u):
            delta = scale * torch.from_numpy(u)
            gradient = case.minimum.problem.gradient(case.minimum.theta + delta)
            # in units in which values and slopes are of the order of one
            return (centre - case.loss(delta)) * 1e2, (-scale * gradient).numpy() * 1e2

        ball = NonlinearConstraint(lambda u: u @ u, 0, radius**2, jac=lambda u: 2 * u[None])
        rng = np.random.default_rng(0)
        found = []
        for _ in range(2):
            start = rng.normal(size=len(scale))
            start *= radius / np.linalg.norm(start)
            options = {"maxiter": 300, "ftol": 1e-13}
            end = minimize(objective, start, jac=True, method="SLSQP", constraints=[ball], options=options).x
            found.append(case.loss(scale * torch.from_numpy(end / max(1, np.linalg.norm(end) / radius))) - centre)
        return max(found)

    return value


def keskar(case):
    """The corner that its own gradient points to: where a nearly linear loss is largest in a small box."""
    limits = 1e-3 * (case.minimum.theta.abs() + 1)
    centre, corner = case.loss(0), torch.zeros_like(limits)
    for _ in range(20):
        corner = limits * case.minimum.problem.gradient(case.minimum.theta + corner).sign()
    assert torch.equal(corner, limits * case.minimum.problem.gradient(case.minimum.theta + corner).sign())
    return 100 * (case.loss(corner) - centre) / (1 + centre)


def pac_bayes(case):
    """Of a linear network of two classes: each margin is Gaussian under the noise."""
    x, y = case.data
    W, b = case.model.weight.detach(), case.model.bias.detach()
    f = x @ W.T + b
    margin = ((f[:, 1] - f[:, 0]) * (2 * y - 1)).numpy()
    size = (2 * (x.square().sum(1) + 1)).sqrt().numpy()
    accuracy = float((margin > 0).mean())
    return brentq(lambda s: norm.cdf(margin / (s * size)).mean() - (accuracy - 0.1), 1e-4, 1e3)


def batch(case):
    """The mean over all batches that leave one example out."""
    x, y = case.data
    over, under = 0.0, 0.0
    for left_out in range(len(x)):
        rows = torch.arange(len(x)) != left_out
        parameters = list(case.model.parameters())
        parts = torch.autograd.grad(F.cross_entropy(case.model(x[rows]), y[rows]), parameters)
        g = torch.cat([each.reshape(-1) for each in parts])
        over += float(g @ dense_hessian(case.model, F.cross_entropy, x[rows], y[rows]) @ g)
        under += float(g @ g)
    return over / under


REFERENCES = {
    "average_sharpness": Reference(average, NOISE, QUICK, FEW, activations=("tanh",), split=1e-6),
    "adaptive_average_sharpness": Reference(adaptive_average, NOISE, QUICK, FEW, activations=("tanh",), split=1e-6),
    "low_pass_sharpness": Reference(low_pass, NOISE, {"max_pairs": 10}, FEW, activations=("tanh",), relative=False),
    "worst_case_sharpness": Reference(
        largest_in_ball(0.05, adaptive=False),
        SEARCH,
        {"steps": 5},
        {"rtol": 1e-15, "steps": 2},
        random=None,
        slack=2,
        split=1e-6,
        activations=("tanh",),
    ),
    "adaptive_worst_case_sharpness": Reference(
        largest_in_ball(0.5, adaptive=True),
        SEARCH,
        {"steps": 5},
        {"rtol": 1e-15, "steps": 2},
        random=None,
        slack=2,
        split=1e-6,
        activations=("tanh",),
    ),
    "keskar_sharpness": Reference(
        keskar, {"rtol": 0.05, "iterations": 30}, {}, {"rtol": 1e-15, "iterations": 1}, random=None, slack=2, split=1e-6
    ),
    "pac_bayes_sigma": Reference(
        pac_bayes,
        {"rtol": 0.3, "max_pairs": 400},
        {"max_pairs": 10, "rtol": 0.5},
        {"rtol": 1e-9, "max_pairs": 10},
        activations=("tanh",),
        hidden=False,
        classes=2,
    ),
    "batch_sharpness": Reference(
        batch,
        {"rtol": 0.003, "batch_size": 39},
        {"batch_size": 10},
        {"rtol": 1e-12, "max_batches": 20},
        activations=("tanh",),
    ),
}
