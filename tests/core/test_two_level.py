"""Subsets of the examples: drawing them, starting from them, bracketing with them."""

import numpy as np
import pytest
import torch
from torch import nn

from landscape import Hessian, Problem, lanczos
from landscape.data import load_dataset
from landscape.errors import ProblemError, UsageError
from landscape.models import build_model
from landscape.solvers import subset_bracket, two_level
from landscape.training import TrainingConfig, train


def examples(count=40):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    x[:, 0] = torch.arange(count)
    return x, torch.randint(2, (count,), generator=generator)


def as_tensors(x, y):
    return (x, y)


def as_dataset(x, y):
    return torch.utils.data.TensorDataset(x, y)


def as_uneven_batches(x, y):
    return [(x[:3], y[:3]), (x[3:20], y[3:20]), (x[20:], y[20:])]


def as_loader(x, y):
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=7)


def seen(problem):
    return sorted(int(each) for batch, _ in problem.batches() for each in batch[0][:, 0])


def linear(data, **options):
    torch.manual_seed(0)
    return Problem(nn.Linear(3, 2).double(), "cross_entropy", data, **options)


@pytest.mark.parametrize("hold", [as_tensors, as_dataset, as_uneven_batches, as_loader])
def test_a_subset_is_the_same_objective_of_some_examples(hold, device):
    x, y = examples()
    whole = linear(hold(x, y), weight_decay=0.3, device=device)
    part = whole.subset(11, seed=4)
    chosen = seen(part)
    assert len(set(chosen)) == part.num_examples == 11
    assert sum(share for _, share in part.batches()) == pytest.approx(1)
    direct = linear((x[chosen], y[chosen]), weight_decay=0.3, device=device)
    assert part.loss() == pytest.approx(direct.loss(), rel=1e-14)
    torch.testing.assert_close(part.gradient(), direct.gradient())
    assert seen(whole.subset(11, seed=4)) == chosen != seen(whole.subset(11, seed=5))
    # the same examples however they are held, and the whole is as it was
    assert chosen == seen(linear((x, y)).subset(11, seed=4))
    assert whole.num_examples == 40
    assert seen(whole) == list(range(40))
    assert whole.subset(40).loss() == pytest.approx(whole.loss(), rel=1e-14)


@pytest.mark.parametrize("hold", [as_tensors, as_dataset, as_uneven_batches])
def test_a_split_is_disjoint(hold):
    S, T = linear(hold(*examples())).split(20, seed=2)
    assert len(seen(S)) == len(seen(T)) == 20
    assert sorted(seen(S) + seen(T)) == list(range(40))


def test_batches_of_any_structure_are_cut_by_rows():
    x, y = examples(10)
    weights = torch.tensor([2.0, 3.0], dtype=torch.float64)
    batches = [
        {"inputs": {"x": x[a:b]}, "labels": y[a:b], "weights": weights, "note": "kept"} for a, b in [(0, 4), (4, 10)]
    ]

    def loss(model, batch):
        return nn.functional.cross_entropy(model(batch["inputs"]["x"]), batch["labels"], batch["weights"])

    torch.manual_seed(0)
    part = Problem(nn.Linear(3, 2).double(), loss, batches).subset(5, seed=1)
    cut = [batch for batch, _ in part.batches()]
    assert sum(len(batch["labels"]) for batch in cut) == 5
    assert all(len(batch["labels"]) == len(batch["inputs"]["x"]) for batch in cut)
    assert all(batch["note"] == "kept" and len(batch["weights"]) == 2 for batch in cut)


def test_batches_with_a_word_for_each_example_are_not_cut():
    x, y = examples(4)
    named = [{"x": x, "y": y, "names": ["a", "b", "c", "d"]}]

    def loss(model, batch):
        return nn.functional.cross_entropy(model(batch["x"]), batch["y"])

    with pytest.raises(ProblemError, match="cannot be drawn"):
        Problem(nn.Linear(3, 2).double(), loss, named).subset(2)


@pytest.mark.parametrize("count", [0, -3, 41])
def test_more_examples_than_there_are_is_refused_with_their_number(count):
    problem = linear(examples())
    with pytest.raises(UsageError, match=r"there are 40"):
        problem.subset(count)
    with pytest.raises(UsageError, match=r"there are 40"):
        two_level(problem, subset=count)
    with pytest.raises(UsageError, match=r"there are 40"):
        subset_bracket(problem, examples=count)
    with pytest.raises(UsageError, match=r"there are 40"):
        problem.split(21)


@pytest.fixture(scope="module")
def digits(device):
    """A small tanh network that has learned the digits, 1,300 examples."""
    data = load_dataset("digits")
    model = build_model("mlp", data.input_shape, data.num_outputs, options={"widths": "20", "activation": "tanh"})
    train(model, nn.functional.cross_entropy, data, TrainingConfig("sgd", lr=0.1, epochs=5), device=device)
    return Problem(model, "cross_entropy", data.train, device=device)


def test_two_levels_find_the_values_of_the_whole_set_and_count_their_cost(digits):
    whole = lanczos(Hessian(digits), k=3, rtol=1e-5)
    found = two_level(digits, k=3, subset=130)
    assert found.converged
    np.testing.assert_allclose(found.values, whole.values[:3], rtol=1e-3)
    assert np.all(found.residuals <= 1.001e-3 * np.abs(found.values))
    fine = int(found.reason.split("(")[1].split()[0])
    assert found.cost == pytest.approx(fine + (found.matvecs - fine) * 0.1)
    assert fine < found.cost < found.matvecs


def test_two_levels_at_another_point(digits):
    theta = digits.theta * 0.9
    whole = lanczos(Hessian(digits, theta), rtol=1e-5)
    assert two_level(digits, theta, subset=200).values[0] == pytest.approx(whole.values[0], rel=1e-3)


@pytest.mark.parametrize("size", [25, 100, 400, 650])
def test_the_bracket_holds_the_eigenvalue_of_a_trained_network(digits, size):
    exact = lanczos(Hessian(digits), rtol=1e-4).values[0]
    bracket = subset_bracket(digits, examples=size, resamples=12)
    assert bracket.lower_interval[0] <= exact <= bracket.upper_interval[1]
    assert bracket.lower < exact < bracket.upper
    assert bracket.lower_interval[0] < bracket.lower < bracket.lower_interval[1]
    assert bracket.converged
    assert bracket.cost == pytest.approx(bracket.matvecs * size / 1300)


def test_brackets_are_narrower_with_more_examples(digits):
    widths = [(b.upper - b.lower) for b in (subset_bracket(digits, examples=m) for m in (25, 100, 400))]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("size", [5, 20, 100])
def test_the_bracket_holds_for_linear_regression_in_closed_form(size):
    """The Hessian of 1/2 |f - y|^2 is X'X/N, whatever the weights."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 8, generator=generator, dtype=torch.float64) * torch.linspace(1, 2, 8, dtype=torch.float64)
    exact = float(torch.linalg.eigvalsh(x.T @ x / 200)[-1])
    problem = Problem(nn.Linear(8, 1, bias=False).double(), "half_squared", (x, x[:, :1].clone()))
    assert lanczos(Hessian(problem)).values[0] == pytest.approx(exact, rel=1e-5)
    held = 0
    for seed in range(20):
        bracket = subset_bracket(problem, examples=size, resamples=10, seed=seed)
        held += bracket.lower_interval[0] <= exact <= bracket.upper_interval[1]
    assert held == 20


def test_the_expectations_of_the_bracket_are_those_of_all_subsets():
    """Four examples, two in each set: the six draws are all there are, and both inequalities are exact."""
    x = torch.tensor([[3.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]], dtype=torch.float64)
    exact = float(torch.linalg.eigvalsh(x.T @ x / 4)[-1])
    upper, lower = [], []
    for S in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]:
        T = [i for i in range(4) if i not in S]
        values, vectors = torch.linalg.eigh(x[list(S)].T @ x[list(S)] / 2)
        upper.append(float(values[-1]))
        lower.append(float((x[T] @ vectors[:, -1]).square().sum() / 2))
    problem = Problem(nn.Linear(2, 1, bias=False).double(), "half_squared", (x, x[:, :1].clone()))
    bracket = subset_bracket(problem, examples=2, resamples=600, rtol=1e-6)
    assert np.mean(lower) <= exact <= np.mean(upper)
    assert bracket.upper == pytest.approx(np.mean(upper), rel=0.05)
    assert bracket.lower == pytest.approx(np.mean(lower), rel=0.15)


@pytest.mark.parametrize(
    "options", [{"resamples": 1}, {"confidence": 1.0}, {"confidence": float("nan")}, {"rtol": 0.0}]
)
def test_bad_brackets_are_refused(digits, options):
    with pytest.raises(UsageError):
        subset_bracket(digits, examples=20, **options)
