"""The contract of HOUSE.md for every registered measure, and each against its exact value."""

import copy
import json
import math

import numpy as np
import pytest
import torch
from measure_case import all_references, examples, minimum_of, network, own_options
from torch import nn
from torch.nn import functional as F

import landscape
from landscape import Problem, measure, measure_minimum
from landscape.errors import ProblemError, UsageError
from landscape.measures.measurement import ERROR_KINDS, TRANSFORMATIONS, Measure
from landscape.measures.preconditioned_top_eigenvalue import coming_preconditioner
from landscape.minimum import SecondMoment
from landscape.registry import measures

REFERENCES = all_references()
CASES = [(name, activation) for name, each in REFERENCES.items() for activation in each.activations]


def case_of(name, dtype=torch.float64, batch_size=None):
    """Return the minimum that a measure is tested on, in any precision and split."""
    reference = REFERENCES[name]
    model = network(dtype, reference.activations[0], reference.hidden, reference.classes)
    return minimum_of(model, examples(dtype, reference.classes), batch_size=batch_size)


def quickly(minimum, name, seed=0):
    """Return a measurement with the options that are quick."""
    return measure_minimum(minimum, [name], seed=seed, options={name: dict(REFERENCES[name].quick)})[name]


def test_every_measure_has_its_reference():
    assert set(REFERENCES) == set(measures.names())


@pytest.mark.parametrize(("name", "activation"), CASES)
def test_matches_its_exact_value_within_its_error(name, activation, device):
    reference = REFERENCES[name]
    case = reference.case(activation)
    options = own_options(name, **reference.options)
    found = measure_minimum(case.on(device), [name], options={name: options})[name]
    exact = float(reference.value(case))
    slack = reference.slack or (4 if found.error_kind == "standard error" else 1)
    assert found.converged, found.reason
    assert abs(found.value - exact) <= slack * found.error + 1e-13 * abs(exact)
    if reference.relative and "rtol" in options:
        assert found.error <= options["rtol"] * abs(found.value) * 1.001


@pytest.mark.parametrize("name", measures.names())
class TestContract:
    def test_invariant_to_batch_split(self, name):
        values = [quickly(case_of(name, batch_size=size), name).value for size in (None, 7, 39)]
        assert values[1] == pytest.approx(values[0], rel=REFERENCES[name].split)
        assert values[2] == pytest.approx(values[0], rel=REFERENCES[name].split)

    def test_deterministic_in_the_seed_alone(self, name):
        def run(seed):
            torch.manual_seed(int(torch.randint(1000, ())))
            return quickly(case_of(name), name, seed).value

        assert run(1) == run(1)
        if REFERENCES[name].random is not None:
            assert (run(1) != run(2)) == REFERENCES[name].random

    def test_leaves_the_model_untouched(self, name):
        minimum = case_of(name, torch.float32)
        model = minimum.problem.model
        before = copy.deepcopy(model.state_dict())
        model.train()
        quickly(minimum, name)
        assert all(torch.equal(before[key], each) for key, each in model.state_dict().items())
        assert model.training
        assert all(each.grad is None for each in model.parameters())

    def test_serialises_and_reports_its_cost(self, name):
        found = quickly(case_of(name, torch.float32), name, seed=7)
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()
        assert (found.examples, found.dtype, found.seed) == (40, "float32", 7)
        assert (found.matvecs + found.passes + found.forward_passes > 0) == (not REFERENCES[name].free)
        assert found.seconds > 0
        assert found.error_kind in ERROR_KINDS
        assert math.isfinite(found.error)
        assert found.caveat.endswith(".")
        assert found.reason
        assert found.shared == ()

    def test_says_when_it_has_not_converged(self, name):
        short = REFERENCES[name].short
        if short is None:
            # exact: there is nothing to converge
            assert quickly(case_of(name), name).error_kind in ("rounding", "bound", "optimisation gap")
            return
        found = measure_minimum(case_of(name), [name], options={name: own_options(name, **short)})[name]
        assert not found.converged
        assert found.value is not None
        assert found.error > 0

    def test_says_what_it_is(self, name):
        entry = measures[name].value
        text = entry.compute.__doc__
        for part in ("Args:", "Cost:", "Invariances:"):
            assert part in text
        assert entry.invariances <= TRANSFORMATIONS.keys()
        assert entry.blind_spot.endswith(".")


def test_alone_and_together_are_the_same():
    """Whatever was computed before: measures share work, and still each gives the number that it gives alone."""
    names = [name for name in measures.names() if REFERENCES[name].hidden and "tanh" in REFERENCES[name].activations]
    options = {name: dict(REFERENCES[name].quick) for name in names}
    alone = {name: quickly(case_of(name), name) for name in names}
    for order in (names, names[::-1]):
        together = measure_minimum(case_of("trace"), order, options=options)
        for name in names:
            assert together[name].value == alone[name].value, name
            assert together[name].error == alone[name].error, name
        spent = [sum(each.matvecs + each.passes for each in found.values()) for found in (together, alone)]
        assert spent[0] < spent[1]
        assert any("Lanczos run of the Hessian" in words for each in together.values() for words in each.shared)


def test_a_measure_says_why_it_takes_no_part():
    with pytest.raises(ValueError, match="why it takes no part"):
        Measure(lambda minimum: None, "a", "a", "A.", "a", 1, sign=0)
    with pytest.raises(ValueError, match="no transformation"):
        Measure(lambda minimum: None, "a", "a", "A.", "a", 1, invariances=frozenset({"spinning"}))


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
    assert "trace" in lines[2]
    assert "!" in lines[2]
    # what is to be said of them stands below, one warning a line
    assert any("not converged" in line for line in lines[3:])
    assert all(line.startswith("! ") for line in lines[3:])
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


def test_one_name_is_no_list_of_letters_and_an_option_of_no_measure_is_refused():
    minimum = case_of("weight_norm")
    assert measure_minimum(minimum, "weight_norm")["weight_norm"].value > 0
    with pytest.raises(UsageError, match="Did you mean 'weight_norm'"):
        measure_minimum(minimum, "weight_norm", options={"weigth_norm": {"rtol": 1}})


def test_verify_takes_a_problem_and_says_so():
    with pytest.raises(UsageError, match="verify takes a Problem, not a Sequential"):
        landscape.verify(network())


def sure_network():
    """A network that is sure of its labels to six digits and more, and the examples of which it is."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.Tanh(), torch.nn.Linear(32, 5))
    x = torch.randn(200, 10)
    with torch.no_grad():
        model[2].weight.mul_(60)
        model[2].bias.mul_(60)
        f = model(x)
    top = f.topk(2).values
    sure = top[:, 0] - top[:, 1] > 14
    return model, (x[sure], f[sure].argmax(1))


@pytest.mark.parametrize(
    "criterion",
    ["cross_entropy", nn.CrossEntropyLoss(), lambda f, y: F.cross_entropy(f, y)],
    ids=["name", "module", "own"],
)
def test_curvature_where_probabilities_are_nearly_one_keeps_its_digits_in_float32(criterion):
    """Computed from 1 - p in float32 it is 1 to 50 % off here, and not even symmetric."""
    model, data = sure_network()
    names = ["top_eigenvalue", "adaptive_top_eigenvalue", "trace", "relative_flatness", "batch_sharpness"]
    names += ["fisher_rao"] if criterion == "cross_entropy" else []
    found = measure(model, criterion, data, names)
    exact = measure(model, criterion, data, names, dtype=torch.float64)
    for name in names:
        assert found[name].dtype == "float32"
        assert found[name].value == pytest.approx(exact[name].value, rel=1e-4), name


def test_curvature_that_float32_does_not_hold_is_measured_in_float64():
    """Where the outputs are the loss's own business, the products of float32 are not symmetric."""
    model, data = sure_network()

    def loss(model, batch):
        return F.cross_entropy(model(batch[0]), batch[1])

    found = measure(model, loss, data, ["top_eigenvalue"])["top_eigenvalue"]
    exact = measure(model, loss, data, ["top_eigenvalue"], dtype=torch.float64)["top_eigenvalue"]
    assert found.converged
    assert found.dtype == "float64"
    assert found.value == pytest.approx(exact.value, rel=1e-6)
    assert "rounding hides it in float32" in found.reason
    assert next(model.parameters()).dtype == torch.float32
