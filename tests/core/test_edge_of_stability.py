"""The base setting of the design: sharpness settles at the optimizer's edge, an absolute prediction."""

from collections.abc import Iterator

import numpy as np
import pytest

from landscape import Hessian, Preconditioned, Problem, lanczos
from landscape.data import load_dataset
from landscape.losses import half_squared
from landscape.measures.preconditioned_top_eigenvalue import coming_preconditioner
from landscape.models import build_model
from landscape.training import TrainingConfig, second_moment, training_steps

STEPS = 3000
EVERY = 50


def sharpness_along(optimizer: str, lr: float, options: dict) -> Iterator[tuple[float, float]]:
    """Yield (top eigenvalue, preconditioned top eigenvalue or nan) every 50 steps of full-batch training."""
    dataset = load_dataset("digits", train_examples=1000)
    model = build_model("mlp", dataset.input_shape, 10, options={"widths": (100, 100), "activation": "tanh"})
    config = TrainingConfig(
        optimizer, lr=lr, optimizer_options=options, batch_size=None, steps=STEPS, evaluate_every=EVERY
    )
    start = preconditioned_start = None
    for view in training_steps(model, half_squared, dataset, config, device="cpu"):
        problem = Problem(view.model, half_squared, dataset.train)
        hessian = Hessian(problem)
        pairs = lanczos(hessian, rtol=1e-2, start=start)
        start, own = pairs.vectors[:, 0], np.nan
        if optimizer == "adam" and view.step:
            P = coming_preconditioner(second_moment(view.optimizer_state()), problem.gradient(), problem.theta)
            found = lanczos(Preconditioned(hessian, P), rtol=1e-2, start=preconditioned_start)
            preconditioned_start, own = found.vectors[:, 0], found.values[0]
        yield pairs.values[0], own


def mean_after_crossing(values: np.ndarray, edge: float) -> float:
    """Return the mean of sharpness / edge from the first time that it is above the edge on."""
    above = np.flatnonzero(values > edge)
    assert len(above), f"never reached the edge {edge}: largest {np.nanmax(values)}"
    return float(np.mean(values[above[0] :])) / edge


@pytest.mark.slow
@pytest.mark.parametrize(("lr", "expected"), [(0.2, 1.016), (0.3, 1.025), (0.5, 1.036)])
def test_gradient_descent_settles_at_two_over_lr(lr, expected):
    values = np.array([raw for raw, _ in sharpness_along("sgd", lr, {"momentum": 0.0})])
    ratio = mean_after_crossing(values, 2 / lr)
    assert 0.98 <= ratio <= 1.06, f"{ratio}, expected about {expected}"


@pytest.mark.slow
def test_adam_settles_at_38_over_lr_of_its_preconditioned_hessian():
    raw, own = np.array(list(sharpness_along("adam", 1e-3, {"betas": (0.9, 0.999)}))).T
    ratio = mean_after_crossing(own[1:], 38 / 1e-3)
    assert 0.97 <= ratio <= 1.03, f"{ratio}, expected about 1.004"
    assert 10 < raw[-20:].mean() < 40  # the plain eigenvalue stays near 20, far from any edge of its own
