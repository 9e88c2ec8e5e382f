import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape import Hessian, Problem
from landscape.errors import ProblemError
from landscape.losses import cross_entropy, half_squared


def mlp(dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).to(dtype)


def examples(count=37, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 5, generator=generator, dtype=dtype), torch.randint(3, (count,), generator=generator)


def test_loss_is_the_mean_over_examples_for_any_batches():
    model, (x, y) = mlp(), examples()
    exact = F.cross_entropy(model(x), y).item()
    for size in (None, 1, 10, 36, 37, 100):
        assert Problem(model, "cross_entropy", (x, y), batch_size=size).loss() == pytest.approx(exact, rel=1e-14)
    uneven = [(x[:1], y[:1]), (x[1:30], y[1:30]), (x[30:], y[30:])]
    assert Problem(model, nn.CrossEntropyLoss(), uneven).loss() == pytest.approx(exact, rel=1e-14)


def test_gradient_and_product_do_not_depend_on_the_split():
    model, (x, y) = mlp(), examples()
    v = torch.randn(Problem(model, cross_entropy, (x, y)).num_parameters, dtype=torch.float64)
    whole = Problem(model, cross_entropy, (x, y))
    Hv, g = Hessian(whole) @ v, whole.gradient()
    for size in (1, 5, 36):
        for memory in (70_000, 2**30):
            split = Problem(model, cross_entropy, (x, y), batch_size=size)
            assert (Hessian(split, memory=memory) @ v - Hv).norm() <= 1e-15 * Hv.norm()
            assert (split.gradient() - g).norm() <= 1e-15 * g.norm()


def test_gradient_matches_backward(device):
    model, (x, y) = mlp(), examples()
    F.cross_entropy(model(x), y).backward()
    expected = torch.cat([each.grad.reshape(-1) for each in model.parameters()])
    found = Problem(model, "cross_entropy", (x, y), device=device).gradient().cpu()
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-15)


def test_model_comes_back_untouched(device):
    model = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Dropout(0.5), nn.Linear(7, 3)).to(device)
    model[1].eval()
    model[4].bias.requires_grad_(False)
    model[0].weight.grad = torch.ones_like(model[0].weight)
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    x, y = examples(dtype=torch.float32)
    for statistics in ("evaluation", "batch"):
        problem = Problem(model, "cross_entropy", (x, y), batch_norm=statistics)
        _ = Hessian(problem) @ problem.theta
        problem.evaluate()
        problem.gradient()
    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())
    assert [module.training for module in model] == [True, False, True, True, True]
    assert [each.requires_grad for each in model[4].parameters()] == [True, False]
    assert torch.equal(model[0].weight.grad, torch.ones_like(model[0].weight))
    assert model[4].weight.grad is None
    assert torch.equal(state, torch.get_rng_state())


def test_batch_norm_in_evaluation_mode_and_with_batch_statistics_are_two_functions(device):
    torch.manual_seed(0)
    model, (x, y) = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Tanh(), nn.Linear(7, 3)).double(), examples()
    evaluated = Problem(model, "cross_entropy", (x, y), device=device).loss()
    batch = Problem(model, "cross_entropy", (x, y), batch_norm="batch", device=device).loss()
    assert evaluated == pytest.approx(F.cross_entropy(copy.deepcopy(model).eval()(x), y).item(), rel=1e-13)
    assert batch == pytest.approx(F.cross_entropy(copy.deepcopy(model).train()(x), y).item(), rel=1e-13)
    assert abs(batch - evaluated) > 1e-3


def test_tied_weights_count_once_and_frozen_ones_not_at_all():
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False), nn.Linear(4, 2))
    model[1].weight = model[0].weight
    model[2].bias.requires_grad_(False)
    problem = Problem(model, "half_squared", (torch.randn(6, 4), torch.zeros(6, 2)))
    assert problem.num_parameters == 16 + 8
    assert problem.parameter_names == ("0.weight", "2.weight")


def test_weight_decay_adds_its_multiple_of_the_identity(device):
    model, (x, y) = mlp(), examples()
    plain, decayed = (Problem(model, "cross_entropy", (x, y), weight_decay=d, device=device) for d in (0.0, 0.3))
    theta = plain.theta
    assert decayed.loss() - plain.loss() == pytest.approx(0.15 * float(theta @ theta), rel=1e-12)
    torch.testing.assert_close(decayed.gradient() - plain.gradient(), 0.3 * theta)
    torch.testing.assert_close(Hessian(decayed) @ theta - Hessian(plain) @ theta, 0.3 * theta)


def test_a_loss_of_model_and_batch_is_the_other_contract(device):
    model, (x, y) = mlp(), examples()

    def loss(model, batch):
        return F.cross_entropy(model(batch["x"]), batch["y"])

    batches = [{"x": x[:20], "y": y[:20]}, {"x": x[20:], "y": y[20:]}]
    problem = Problem(model, loss, batches, device=device)
    assert problem.loss() == pytest.approx(Problem(model, "cross_entropy", (x, y)).loss(), rel=1e-14)
    assert problem.evaluate().accuracy is None


def test_datasets_and_loaders_are_data_too(device):
    model, (x, y) = mlp(), examples()
    data = torch.utils.data.TensorDataset(x, y)
    expected = Problem(model, "cross_entropy", (x, y)).loss()
    for source in (data, torch.utils.data.DataLoader(data, batch_size=10)):
        problem = Problem(model, "cross_entropy", source, device=device)
        assert problem.num_examples == 37
        assert problem.loss() == pytest.approx(expected, rel=1e-14)


def test_double_precision_of_a_single_precision_model(device):
    model, (x, y) = mlp(torch.float32), examples(dtype=torch.float32)
    problem = Problem(model, "cross_entropy", (x, y), dtype=torch.float64, device=device)
    exact = F.cross_entropy(copy.deepcopy(model).double()(x.double()), y)
    assert problem.loss() == pytest.approx(exact.item(), rel=1e-14)
    assert model[0].weight.dtype == torch.float32


def test_accuracy_is_the_share_of_right_decisions(device):
    model, (x, y) = mlp(), examples()
    expected = float((model(x).argmax(1) == y).double().mean())
    problem = Problem(model, "cross_entropy", (x, y), batch_size=10, device=device)
    assert problem.evaluate().accuracy == pytest.approx(expected)
    targets = torch.randn(37, 3, dtype=torch.float64)
    assert Problem(model, half_squared, (x, targets)).evaluate().accuracy is None


def test_flatten_and_unflatten_are_inverse():
    problem = Problem(mlp(), "cross_entropy", examples())
    assert torch.equal(problem.flatten(problem.unflatten(problem.theta)), problem.theta)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Problem(mlp().requires_grad_(False), "cross_entropy", examples()), "no trainable parameters"),
        (lambda: Problem(mlp(), "cross_entropy", []), "no examples"),
        (lambda: Problem(mlp(), "cross_entropy", iter([examples()])), "more than once"),
        (lambda: Problem(mlp(), "cross_entropy", ["abc"]), "how many examples"),
        (lambda: Problem(mlp(), nn.CrossEntropyLoss(reduction="none"), examples()), "no mean"),
        (lambda: Problem(mlp(), lambda outputs, targets: outputs, examples()).loss(), "one number"),
        (lambda: Problem(mlp(), "cross_entropy", (examples()[0], examples()[1][:20])), "different numbers"),
        (lambda: Problem(mlp(), "cross_entropy", [(*examples(), 1)]).loss(), r"batches \(x, y\)"),
    ],
)
def test_what_cannot_be_measured_is_said(make, words):
    with pytest.raises(ProblemError, match=words):
        make()
