"""The coming update from saved state is the step that the optimizer takes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape import Minimum, Problem, measure_minimum
from landscape.training import OptimizerState, coming_update
from landscape.training.optimizer_state import flat_tensors

SETTINGS = [
    ("sgd", torch.optim.SGD, {"momentum": 0.9}),
    ("sgd", torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("sgd", torch.optim.SGD, {"momentum": 0.0}),
    ("adam", torch.optim.Adam, {"betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1}),
    ("adamw", torch.optim.AdamW, {"weight_decay": 0.1}),
    ("rmsprop", torch.optim.RMSprop, {"alpha": 0.9, "momentum": 0.5}),
    ("torch:Adagrad", torch.optim.Adagrad, {}),
]


def trained(build, options, steps=4):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    x, y = torch.randn(40, 6, dtype=torch.float64), torch.randint(3, (40,))
    optimizer = build(model.parameters(), lr=0.01, **options)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model, (x, y), optimizer


@pytest.mark.parametrize(("name", "build", "options"), SETTINGS)
def test_it_is_the_step_that_torch_takes(name, build, options):
    model, (x, y), optimizer = trained(build, options)
    problem = Problem(model, "cross_entropy", (x, y))
    theta, gradient = problem.theta, problem.gradient()
    state = OptimizerState(name, options, 0.01, 4, flat_tensors(optimizer, list(model.parameters())))
    update = coming_update(state, theta, problem.shapes)
    u = update.rule(gradient)
    found = measure_minimum(Minimum(problem, theta, update=update), ["directional_sharpness"])["directional_sharpness"]
    assert found.converged
    assert found.value == pytest.approx(float(u @ (Minimum(problem, theta).hessian @ u) / (u @ u)), rel=1e-10)
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    torch.testing.assert_close(u, problem.theta - theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "build", "step"),
    [("torch:NAdam", torch.optim.NAdam, 4), ("torch:Adafactor", torch.optim.Adafactor, 4), ("sam", torch.optim.SGD, 4)],
)
def test_what_cannot_be_repeated_is_not_guessed(name, build, step):
    model, (x, y), optimizer = trained(build, {})
    problem = Problem(model, "cross_entropy", (x, y))
    state = OptimizerState(name, {}, 0.01, step, flat_tensors(optimizer, list(model.parameters())))
    assert coming_update(state, problem.theta, problem.shapes) is None


def test_before_the_first_step_there_is_no_state_and_the_measure_says_where_it_is_kept():
    model, (x, y), _ = trained(torch.optim.SGD, {}, steps=0)
    problem = Problem(model, "cross_entropy", (x, y))
    assert coming_update(OptimizerState("sgd", {}, 0.01, 0, {}), problem.theta, problem.shapes) is None
    found = measure_minimum(Minimum(problem, problem.theta), ["directional_sharpness"])["directional_sharpness"]
    assert found.value is None
    for words in ("optimizer.safetensors", "torch.save(optimizer.state_dict()"):
        assert words in found.reason
