"""Measures of perturbed losses: their limits, the rate at which they converge, kinks, invariances, refusals."""

import dataclasses

import numpy as np
import pytest
import torch
from dense_oracle import dense_hessian
from measure_case import Case, examples, minimum_of, network
from scipy.optimize import minimize
from torch import nn
from torch.nn import functional as F

from landscape import Minimum, Problem, measure, measure_minimum
from landscape.errors import ProblemError, UsageError


def found(minimum, name, seed=0, **options):
    return measure_minimum(minimum, [name], seed=seed, options={name: options})[name]


@pytest.fixture(scope="module")
def stationary():
    """A smooth network at a stationary point, by BFGS and Newton steps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    data = examples()
    problem = Problem(model, "cross_entropy", data, weight_decay=0.05)
    objective = lambda w: (problem.loss(torch.from_numpy(w)), problem.gradient(torch.from_numpy(w)).numpy())  # noqa: E731
    theta = torch.from_numpy(minimize(objective, problem.theta.numpy(), jac=True, method="BFGS").x)
    for _ in range(3):
        with torch.no_grad():
            for parameter, part in zip(model.parameters(), problem.unflatten(theta), strict=True):
                parameter.copy_(part)
        H = dense_hessian(model, F.cross_entropy, *data) + 0.05 * torch.eye(len(theta), dtype=torch.float64)
        theta = theta - torch.linalg.solve(H, problem.gradient(theta))
    assert float(problem.gradient(theta).norm()) < 1e-12
    return Minimum(problem, theta), H


class TestLimits:
    def test_worst_case_is_half_the_top_eigenvalue_at_a_stationary_point(self, stationary):
        minimum, H = stationary
        top = float(torch.linalg.eigvalsh(H)[-1])
        for radius in (1e-2, 1e-3):
            rise = found(minimum, "worst_case_sharpness", radius=radius, steps=300, rtol=1e-4)
            assert rise.value == pytest.approx(radius**2 / 2 * top, rel=20 * radius)
            assert rise.details["quadratic_upper_bound"] >= rise.value * (1 - 20 * radius)

    def test_average_differs_from_half_the_trace_by_the_square_of_the_radius(self, stationary):
        minimum, _H = stationary
        differences = []
        for radius in (0.02, 0.04):
            mean = found(minimum, "average_sharpness", radius=radius, radii=(), rtol=1e-9, max_pairs=50).value
            small = found(minimum, "average_sharpness", radius=1e-3, radii=(), rtol=1e-9, max_pairs=50).value
            # the same noise at both radii: what differs is the fourth order
            differences.append(abs(mean / radius**2 - small / 1e-6))
        assert differences[1] / differences[0] == pytest.approx(4, rel=0.3)

    def test_adaptive_worst_case_is_half_the_adaptive_top_eigenvalue(self, stationary):
        minimum, H = stationary
        size = minimum.theta.abs()
        top = float(torch.linalg.eigvalsh(size[:, None] * H * size)[-1])
        rise = found(minimum, "adaptive_worst_case_sharpness", radius=1e-3, steps=300, rtol=1e-4)
        assert rise.value == pytest.approx(5e-7 * top, rel=0.01)


def test_standard_errors_are_right_and_fall_as_the_root_of_the_pairs():
    """Over 40 seeds at two budgets: spread and reported error agree, and four times the pairs halve both."""
    minimum = Case(batch_size=None).minimum
    spreads, errors = [], []
    for pairs in (8, 32):
        runs = [
            found(minimum, "average_sharpness", seed, radius=0.01, radii=(), rtol=1e-9, max_pairs=pairs)
            for seed in range(40)
        ]
        spreads.append(np.std([each.value for each in runs]))
        errors.append(np.sqrt(np.mean([each.error**2 for each in runs])))
    assert np.array(errors) == pytest.approx(np.array(spreads), rel=0.35)
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.2)


def test_stopping_keeps_the_mean_unbiased_within_its_error():
    """It stops on its own standard error: over seeds the means scatter about the long run's."""
    minimum = Case(batch_size=None).minimum
    exact = found(minimum, "average_sharpness", 99, radius=0.01, radii=(), rtol=1e-9, max_pairs=1000)
    runs = [found(minimum, "average_sharpness", seed, radius=0.01, radii=(), rtol=0.3) for seed in range(30)]
    z = [(each.value - exact.value) / np.hypot(each.error, exact.error) for each in runs]
    assert abs(np.mean(z)) < 0.7
    assert np.mean(np.abs(z) > 3) <= 0.1


def test_on_relu_networks_average_sharpness_is_not_half_the_trace():
    """Kinks: at a radius of 1e-3 it is 1.4 to 7 times the prediction of the Hessian, and the caveat says so."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3)).double()
    predicted = 1e-6 / 2 * float(dense_hessian(model, F.cross_entropy, *examples()).trace())
    rise = found(minimum_of(model, examples()), "average_sharpness", radius=1e-3, radii=(), max_pairs=200)
    assert 1.4 < rise.value / predicted < 7
    assert "kinks" in rise.caveat


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("name", ["worst_case_sharpness", "adaptive_worst_case_sharpness"])
def test_worst_case_is_at_least_one_step_and_any_point_of_the_ball(name, norm, device):
    minimum = Case("relu", batch_size=None).on(device)
    rise = found(minimum, name, norm=norm, steps=10)
    radius, theta = rise.details["radius"], minimum.theta
    scale = theta.abs() if name.startswith("adaptive") else torch.ones_like(theta)
    generator = torch.Generator().manual_seed(0)
    centre = minimum.problem.loss(theta)
    assert rise.value >= rise.details["one_step"]
    for _ in range(50):
        e = torch.randn(len(theta), generator=generator, dtype=torch.float64).to(device)
        e = e.sign() if norm == "linf" else e / e.norm()
        assert minimum.problem.loss(theta + radius * scale * e) - centre <= rise.value


def test_one_step_of_sam_is_the_step_of_sam(device):
    minimum = Case().on(device)
    g = minimum.gradient
    rise = found(minimum, "worst_case_sharpness", radius=0.05, steps=1, restarts=0)
    expected = minimum.problem.loss(minimum.theta + 0.05 * g / g.norm()) - minimum.problem.loss(minimum.theta)
    assert rise.value == pytest.approx(expected, rel=1e-10)


def test_logit_normalised_sharpness_does_not_see_the_scale_of_the_logits():
    """The last layer three times as large, in a ball in units of the weights: the same number."""
    values = []
    for scale in (1.0, 3.0):
        model = network()
        with torch.no_grad():
            for parameter in model[-1].parameters():
                parameter.mul_(scale)
        minimum = minimum_of(model, examples())
        values.append(found(minimum, "adaptive_worst_case_sharpness", normalize_logits=True).value)
    assert values[1] == pytest.approx(values[0], rel=1e-6)


def test_keskar_in_a_subspace_is_at_least_its_one_step_bound(device):
    minimum = Case().on(device)
    for subspace in (0, 10):
        rise = found(minimum, "keskar_sharpness", subspace=subspace)
        assert rise.value >= rise.details["one_step"] > 0
        assert rise.converged
        # at a corner of the box the gradient points outward, and nothing is left to gain
        assert rise.details["first_order_gap"] < 1e-9 * rise.value
    loss = minimum.problem.loss()
    # f on the corner of the box, by hand
    corner = 1e-3 * (minimum.theta.abs() + 1) * minimum.gradient.sign()
    by_hand = 100 * (minimum.problem.loss(minimum.theta + corner) - loss) / (1 + loss)
    assert found(minimum, "keskar_sharpness").details["one_step"] == pytest.approx(by_hand, rel=1e-10)


def test_adaptive_noise_does_not_see_the_scale_of_neurons():
    """Weights into neurons of a ReLU network multiplied, those out divided, and the noise with them."""
    model, scaled = network(activation="relu"), network(activation="relu")
    a = torch.linspace(0.2, 5, 8, dtype=torch.float64)
    with torch.no_grad():
        scaled[0].weight.mul_(a[:, None])
        scaled[0].bias.mul_(a)
        scaled[2].weight.div_(a)
    for name in ("adaptive_average_sharpness", "adaptive_worst_case_sharpness"):
        one, other = (found(minimum_of(each, examples()), name, rtol=0.05) for each in (model, scaled))
        assert other.value == pytest.approx(one.value, rel=1e-3)
    one, other = (found(minimum_of(each, examples()), "average_sharpness") for each in (model, scaled))
    assert other.value > 2 * one.value


def test_float32_differences_are_as_good_as_their_error_says():
    """At small radii a float32 loss has no digits left: the error says so, and covers the float64 value."""
    for radius in (1e-4, 1e-3):
        fine, coarse = (
            found(minimum_of(network(dtype), examples(dtype)), "average_sharpness", radius=radius, radii=())
            for dtype in (torch.float64, torch.float32)
        )
        assert abs(fine.value - coarse.value) <= 3 * coarse.error


def test_rounding_is_known_of_a_part_of_the_parameters_too():
    """The check of rounding runs in float64: parameters that are held and BatchNorm's buffers have to follow."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    names = ("average_sharpness", "adaptive_average_sharpness", "low_pass_sharpness", "worst_case_sharpness")
    minima = [minimum_of(model.to(dtype), examples(dtype), parameters="3") for dtype in (torch.float32, torch.float64)]
    model.float()
    coarse, fine = (measure_minimum(each, names, seed=0) for each in minima)
    for name in names:
        assert coarse[name].value == pytest.approx(fine[name].value, rel=0.05), name
    assert all(each.dtype == torch.float32 for each in model.parameters())


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("average_sharpness", {"radius": 0}, "radius must be positive"),
        ("average_sharpness", {"radii": "0.1,-1"}, "radius must be positive"),
        ("adaptive_average_sharpness", {"radius": -0.1}, "radius must be positive"),
        ("average_sharpness", {"max_pairs": 1}, "max_pairs at least 2"),
        ("average_sharpness", {"rtol": 0}, "rtol must be positive"),
        ("low_pass_sharpness", {"radius": 0}, "radius must be positive"),
        ("worst_case_sharpness", {"radius": 0}, "radius must be positive"),
        ("worst_case_sharpness", {"steps": 0}, "steps must be at least 1"),
        ("adaptive_worst_case_sharpness", {"norm": "l3"}, "l2"),
        ("keskar_sharpness", {"radius": -1}, "radius must be positive"),
        ("keskar_sharpness", {"subspace": 1000}, "subspace"),
        ("pac_bayes_sigma", {"drop": 0}, "drop"),
        ("batch_sharpness", {"batch_size": 0}, "batch_size"),
        ("log_det", {"damping": 0}, "damping"),
    ],
)
def test_mistakes_are_named(name, options, words):
    with pytest.raises(UsageError, match=words):
        found(Case().minimum, name, **options)


def test_without_classes_or_outputs():
    x, y = examples()
    result = measure(
        nn.Linear(6, 2).double(),
        lambda model, batch: model(batch[0]).square().mean(),
        (x, y),
        ["average_sharpness", "worst_case_sharpness", "pac_bayes_sigma"],
    )
    assert result["average_sharpness"].converged
    assert result["worst_case_sharpness"].value > 0
    assert result["pac_bayes_sigma"].value is None
    assert "accuracy" in result["pac_bayes_sigma"].reason
    with pytest.raises(ProblemError, match="outputs"):
        measure(
            nn.Linear(6, 2).double(),
            lambda model, batch: model(batch[0]).square().mean(),
            (x, y),
            ["worst_case_sharpness"],
            options={"worst_case_sharpness": {"normalize_logits": True}},
        )


def test_both_batch_sharpnesses_and_the_whole_set_as_one_batch(device):
    case = Case()
    minimum, g = case.on(device), case.minimum.gradient
    whole = found(minimum, "batch_sharpness", batch_size=1000)
    assert whole.value == pytest.approx(float(g @ case.H @ g / (g @ g)), rel=1e-10)
    assert whole.error_kind == "rounding"
    some = found(minimum, "batch_sharpness", batch_size=10)
    other = found(minimum, "batch_sharpness", batch_size=10, definition="mean_of_ratios")
    assert some.value == some.details["ratio_of_means"]["value"]
    assert other.value == other.details["mean_of_ratios"]["value"] != some.value


def test_weight_decay_is_part_of_the_loss():
    """The penalty's own rise, s^2/2 times decay times n, exactly: what is left is the plain network's."""
    model, data = network(), examples()
    plain, decayed = (Problem(model, "cross_entropy", data, weight_decay=decay) for decay in (0.0, 0.4))
    one, other = (
        found(Minimum(problem, problem.theta), "average_sharpness", radius=0.01, radii=(), rtol=1e-9, max_pairs=400)
        for problem in (plain, decayed)
    )
    penalty = 1e-4 / 2 * 0.4 * plain.num_parameters
    assert other.value - one.value == pytest.approx(penalty, rel=0.05)
    batches = [found(Minimum(each, each.theta), "batch_sharpness", batch_size=40) for each in (plain, decayed)]
    g = decayed.gradient()
    H = Case().H + 0.4 * torch.eye(len(g), dtype=torch.float64)
    assert batches[1].value == pytest.approx(float(g @ H @ g / (g @ g)), rel=1e-9)


def test_pairs_and_centre_are_shared(device):
    minimum = Case().on(device)
    options = {"average_sharpness": {"radii": ()}}
    result = measure_minimum(minimum, ["average_sharpness", "low_pass_sharpness"], options=options)
    assert result["low_pass_sharpness"].forward_passes == 0
    assert any("noise on the weights, from average_sharpness" in each for each in result["low_pass_sharpness"].shared)
    assert dataclasses.asdict(result["average_sharpness"])["details"]["sweep"][0]["radius"] == 0.01
