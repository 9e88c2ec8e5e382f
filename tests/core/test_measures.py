"""The contract of HOUSE.md for every registered measure, and each against its dense value."""

import copy
import inspect
import json
import math

import numpy as np
import pytest
import torch
from dense_geometry import GEOMETRY
from dense_oracle import dense_hessian
from torch import nn
from torch.nn import functional as F

import landscape
from landscape import Minimum, Problem, measure, measure_minimum
from landscape.errors import ProblemError, UsageError
from landscape.measures.preconditioned_top_eigenvalue import coming_preconditioner
from landscape.minimum import SecondMoment
from landscape.registry import measures

TIGHT = {"rtol": 1e-4, "max_matvecs": 5000}
DENSE = {
    "top_eigenvalue": lambda H, P: torch.linalg.eigvalsh(H)[-1],
    "power_iteration_top_eigenvalue": lambda H, P: torch.linalg.eigvalsh(H)[-1],
    "trace": lambda H, P: H.trace(),
    "preconditioned_top_eigenvalue": lambda H, P: torch.linalg.eigvals(torch.diag(1 / P) @ H).real.max(),
}
NOTHING_RANDOM = GEOMETRY.keys() - {"adaptive_trace", "adaptive_top_eigenvalue"}
COSTS_NOTHING = {"weight_norm", "distance_from_initialization", "learning_rate"}


def network(dtype=torch.float64, name=""):
    """Return the network that measures are tested on; a path norm there is on ReLU networks only."""
    torch.manual_seed(3)
    activation = nn.ReLU() if name == "path_norm" else nn.Tanh()
    return nn.Sequential(nn.Linear(6, 8), activation, nn.Linear(8, 3)).to(dtype)


def examples(dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(40, 6, generator=generator, dtype=torch.float64).to(dtype)
    return x, torch.randint(3, (40,), generator=generator)


def minimum_of(model, data, **options):
    problem = Problem(model, "cross_entropy", data, **options)
    v = torch.linspace(0.1, 2, problem.num_parameters, dtype=problem.dtype)
    return Minimum(
        problem,
        problem.theta,
        SecondMoment(v, 20, 0.999, 1e-8, "made for this test"),
        provenance={"learning_rate": 0.1},
        initial=problem.theta.flip(0),
    )


def own(name, **options):
    """Return those of some options that a measure has."""
    known = inspect.signature(measures[name].value.compute).parameters
    return {name: {key: each for key, each in options.items() if key in known}}


def test_every_measure_has_its_dense_value_here():
    assert set(DENSE) | set(GEOMETRY) == set(measures.names())


@pytest.mark.parametrize("name", measures.names())
class TestContract:
    def test_matches_dense_within_its_error(self, name):
        minimum = minimum_of(network(name=name), examples(), batch_size=13)
        H = dense_hessian(minimum.problem.model, F.cross_entropy, *examples())
        P = coming_preconditioner(minimum.second_moment, minimum.gradient, minimum.theta)
        rtol = {"trace": 0.01, "adaptive_trace": 0.1}.get(name)
        options = TIGHT if rtol is None else {"rtol": rtol, "max_matvecs": 100_000}
        found = measure_minimum(minimum, [name], options=own(name, **options))[name]
        exact = float(DENSE[name](H, P) if name in DENSE else GEOMETRY[name](minimum, H))
        assert found.converged, found.reason
        assert abs(found.value - exact) <= (4 if found.error_kind == "standard error" else 1) * found.error
        assert found.error <= options["rtol"] * abs(found.value) * 1.001

    def test_invariant_to_batch_split(self, name):
        values = [
            measure_minimum(minimum_of(network(name=name), examples(), batch_size=size), [name])[name].value
            for size in (None, 7, 39)
        ]
        assert values[1] == pytest.approx(values[0], rel=1e-10)
        assert values[2] == pytest.approx(values[0], rel=1e-10)

    def test_deterministic_in_the_seed_alone(self, name):
        def run(seed):
            torch.manual_seed(int(torch.randint(1000, ())))
            return measure_minimum(minimum_of(network(name=name), examples()), [name], seed=seed)[name].value

        assert run(1) == run(1)
        assert (run(1) == run(2)) == (name in NOTHING_RANDOM)

    def test_leaves_the_model_untouched(self, name):
        model = network(torch.float32, name)
        before = copy.deepcopy(model.state_dict())
        model.train()
        measure_minimum(minimum_of(model, examples(torch.float32)), [name])
        assert all(torch.equal(before[key], each) for key, each in model.state_dict().items())
        assert model.training
        assert all(each.grad is None for each in model.parameters())

    def test_serialises_and_reports_its_cost(self, name):
        minimum = minimum_of(network(torch.float32, name), examples(torch.float32))
        found = measure_minimum(minimum, [name], seed=7)[name]
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()
        assert found.examples == 40
        assert found.dtype == "float32"
        assert found.seed == 7
        assert (found.matvecs + found.passes + found.forward_passes > 0) == (name not in COSTS_NOTHING)
        assert found.seconds > 0
        assert found.error_kind in ("bound", "standard error", "rounding")
        assert math.isfinite(found.error)
        assert found.caveat.endswith(".")
        assert found.reason

    def test_says_when_it_has_not_converged(self, name):
        if "max_matvecs" not in own(name, max_matvecs=2)[name] or name in NOTHING_RANDOM:
            return
        options = {"rtol": 1e-12, "max_matvecs": 20 if name == "trace" else 2}
        found = measure_minimum(minimum_of(network(), examples()), [name], options={name: options})[name]
        assert not found.converged
        assert found.value is not None
        assert found.error > 0


def test_the_two_top_eigenvalues_agree_within_their_bounds():
    for seed in range(5):
        found = measure(
            network(), "cross_entropy", examples(), ("top_eigenvalue", "power_iteration_top_eigenvalue"), seed=seed
        )
        a, b = found.values()
        assert abs(a.value - b.value) <= a.error + b.error


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_preconditioner_uses_the_coming_steps_second_moment(decay):
    """The P of the measure is the one that torch's Adam divides by in the step that it takes next."""
    model, (x, y) = network(), examples()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.0, 0.95), eps=1e-4, weight_decay=decay)
    for _ in range(5):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    v = torch.cat([optimizer.state[each]["exp_avg_sq"].reshape(-1) for each in model.parameters()])
    problem = Problem(model, "cross_entropy", (x, y))
    theta, gradient = problem.theta, problem.gradient()
    P = coming_preconditioner(SecondMoment(v, 5, 0.95, 1e-4, "adam", decay), gradient, theta)
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    torch.testing.assert_close(problem.theta, theta - 1e-3 * (gradient + decay * theta) / P, rtol=1e-12, atol=1e-14)


def test_without_optimizer_state_the_preconditioned_measure_says_so():
    found = measure(network(), "cross_entropy", examples(), ["preconditioned_top_eigenvalue"])
    assert found["preconditioned_top_eigenvalue"].value is None
    assert "optimizer state" in found["preconditioned_top_eigenvalue"].reason


def test_options_by_measure_and_as_words():
    found = measure(network(), "cross_entropy", examples(), ["trace"], options={"trace": {"rtol": "0.5"}})["trace"]
    assert found.matvecs == 16


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: measure(network(), "cross_entropy", examples(), ["trase"]), UsageError, "Did you mean 'trace'"),
        (
            lambda: measure(network(), "cross_entropy", examples(), ["trace"], options={"trace": {"rtoll": 1}}),
            UsageError,
            "Did you mean 'rtol'",
        ),
        (lambda: measure(network(), "cross_entropi", examples()), UsageError, "cross_entropy"),
        (
            lambda: measure(network(), "cross_entropy", (examples()[0] * float("nan"), examples()[1])),
            ProblemError,
            "nan",
        ),
    ],
)
def test_mistakes_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_table_marks_what_has_not_converged():
    found = measure(network(), "cross_entropy", examples(), options={"trace": {"rtol": 1e-9, "max_matvecs": 16}})
    lines = repr(found).splitlines()
    assert len(lines) == 3
    assert "!" in lines[2]
    assert "!" not in lines[1]
    assert list(found) == ["top_eigenvalue", "trace"]
    assert np.isfinite(found.to_dict()["trace"]["value"])


def test_public_surface():
    for name in landscape.__all__:
        assert getattr(landscape, name).__doc__ or name == "__version__"
    with pytest.raises(AttributeError):
        _ = landscape.nothing


def test_a_random_loss_is_refused():
    class Noisy(nn.Linear):
        def forward(self, x):
            return super().forward(x + 0.1 * torch.randn_like(x))

    with pytest.raises(ProblemError, match="random"):
        measure(Noisy(6, 3).double(), "cross_entropy", examples())
