import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape import Hessian, Problem, loss_surface
from landscape.errors import UsageError
from landscape.surfaces.filter_normalization import filter_normalize
from landscape.surfaces.gaussian import gaussian_directions


def network(activation=nn.Tanh, dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 3, 3), activation(), nn.Flatten(), nn.Linear(12, 4)
    ).to(dtype)


def examples(count=30, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 16, generator=generator, dtype=torch.float64).to(dtype), torch.randint(
        4, (count,), generator=generator
    )


def random_directions(problem, theta, seed):
    return [each.vector for each in gaussian_directions(problem, theta, 2, seed=seed)]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_values_equal_a_plain_loop(dtype, tolerance, device):
    model, (x, y) = network(dtype=dtype), examples(dtype=dtype)
    x_test, y_test = x[:9] + 0.1, y[:9]
    problem = Problem(model, "cross_entropy", (x, y), batch_size=7, device=device)
    test = Problem(model, "cross_entropy", (x_test, y_test), device=device)
    surface = loss_surface(problem, test=test, points=5, radius=0.7, seed=3)
    d1, d2 = random_directions(problem, problem.theta, 3)
    for i, a in enumerate(surface.coordinates):
        for j, b in enumerate(surface.coordinates):
            moved = copy.deepcopy(model)
            nn.utils.vector_to_parameters((problem.theta + a * d1 + b * d2).cpu(), moved.parameters())
            with torch.no_grad():
                assert surface.train_loss[i, j] == pytest.approx(float(F.cross_entropy(moved(x), y)), rel=tolerance)
                assert surface.test_loss[i, j] == pytest.approx(
                    float(F.cross_entropy(moved(x_test), y_test)), rel=tolerance
                )
                assert surface.train_accuracy[i, j] == pytest.approx(float((moved(x).argmax(1) == y).double().mean()))


def test_printed_in_one_line():
    surface = loss_surface(Problem(network(), "cross_entropy", examples()), points=5, radius=0.3)
    low, high = surface.train_loss.min(), surface.train_loss.max()
    assert str(surface) == f"5 x 5 points, -0.3 to 0.3 along each axis; train loss {low:.4g} to {high:.4g}"


def test_the_minimum_is_exactly_in_the_middle():
    problem = Problem(network(), "cross_entropy", examples())
    for points in (3, 21, 31):
        surface = loss_surface(problem, points=points, radius=0.3)
        middle = points // 2
        assert surface.coordinates[middle] == 0.0
        assert surface.train_loss[middle, middle] == problem.loss()
        np.testing.assert_array_equal(surface.coordinates, -surface.coordinates[::-1])


def test_curvature_of_the_slice_is_that_of_the_hessian(device):
    problem = Problem(network(), "cross_entropy", examples(), device=device)
    surface = loss_surface(problem, points=3, radius=1e-3)
    h, L = surface.coordinates[2], surface.train_loss
    d1, d2 = random_directions(problem, problem.theta, 0)
    H = Hessian(problem)
    assert (L[2, 1] - 2 * L[1, 1] + L[0, 1]) / h**2 == pytest.approx(float(d1 @ (H @ d1)), rel=1e-4)
    assert (L[1, 2] - 2 * L[1, 1] + L[1, 0]) / h**2 == pytest.approx(float(d2 @ (H @ d2)), rel=1e-4)


def test_filters_of_the_direction_have_the_norms_of_the_weights(device):
    problem = Problem(network(), "cross_entropy", examples(), device=device)
    direction = filter_normalize(problem, torch.randn_like(problem.theta), problem.theta)
    for d, w in zip(problem.unflatten(direction), problem.unflatten(problem.theta), strict=True):
        if w.ndim == 1:
            assert not d.any()
        else:
            torch.testing.assert_close(d.flatten(1).norm(dim=1), w.flatten(1).norm(dim=1))
    assert torch.isfinite(filter_normalize(problem, torch.zeros_like(direction), problem.theta)).all()


def rescaled(model, alpha):
    """Return the same ReLU function with the first layer's weights times alpha, the second's divided by it."""
    copied = copy.deepcopy(model)
    with torch.no_grad():
        copied[1].weight.mul_(alpha)
        copied[1].bias.mul_(alpha)
        copied[4].weight.div_(alpha)
    return copied


def test_layer_rescaling_leaves_the_slice_unchanged_and_neuron_rescaling_does_not(device):
    model, data = network(nn.ReLU), examples()
    with torch.no_grad():
        model[1].bias.zero_()
    plain = loss_surface(Problem(model, "cross_entropy", data, device=device), points=5)
    by_layer = loss_surface(Problem(rescaled(model, 10.0), "cross_entropy", data, device=device), points=5)
    np.testing.assert_allclose(by_layer.train_loss, plain.train_loss, rtol=1e-10)
    per_neuron = copy.deepcopy(model)
    scale = torch.tensor([10.0, 1.0, 0.1], dtype=torch.float64)
    with torch.no_grad():
        per_neuron[1].weight.mul_(scale[:, None, None, None])
        per_neuron[4].weight.view(4, 3, 4).div_(scale[None, :, None])
    by_neuron = loss_surface(Problem(per_neuron, "cross_entropy", data, device=device), points=5)
    assert by_neuron.train_loss[2, 2] == pytest.approx(plain.train_loss[2, 2], rel=1e-12)
    assert np.abs(by_neuron.train_loss / plain.train_loss - 1).max() > 0.05


def test_same_seed_same_directions_for_every_minimum_and_model_untouched():
    model = network()
    problem = Problem(model, "cross_entropy", examples())
    before = problem.theta.clone()
    first, again, other = (loss_surface(problem, points=3, seed=seed).train_loss for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6
    assert torch.equal(problem.theta, before)
    d1, d2 = random_directions(problem, problem.theta, 1)
    e1, _ = random_directions(problem, problem.theta * 2, 1)
    torch.testing.assert_close(e1, 2 * d1)
    assert abs(float(d1 @ d2) / float(d1.norm() * d2.norm())) < 0.2


def test_overflow_far_out_is_infinite_and_progress_is_told(device):
    problem = Problem(network(dtype=torch.float32), "half_squared", examples(dtype=torch.float32), device=device)
    told = []
    surface = loss_surface(problem, points=3, radius=1e25, on_progress=lambda done, total: told.append((done, total)))
    assert np.isinf(surface.train_loss[0, 0])
    assert np.isfinite(surface.train_loss[1, 1])
    assert surface.test_loss is None
    assert told == [(3, 9), (6, 9), (9, 9)]
    assert set(surface.arrays()) == {"a", "b", "train_loss", "train_accuracy"}


@pytest.mark.parametrize("options", [{"points": 10}, {"points": 1}, {"radius": 0.0}, {"radius": float("nan")}])
def test_bad_grids_are_refused(options):
    with pytest.raises(UsageError):
        loss_surface(Problem(network(), "cross_entropy", examples()), **options)
