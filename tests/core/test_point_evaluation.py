"""Points evaluated fast are the same as by a plain loop, whatever shares a batch with what."""

import copy
import shutil

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape import Problem
from landscape.errors import ProblemError, UsageError
from landscape.surfaces import point_evaluation
from landscape.surfaces.point_evaluation import PointEvaluator


class Classifier(nn.Module):
    """Images of three channels, BatchNorm, a tied weight, a frozen layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.again = nn.Conv2d(4, 4, 1, bias=False)
        self.same = nn.Conv2d(4, 4, 1, bias=False)
        self.same.weight = self.again.weight
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.tanh(self.norm(self.conv(x)))
        return self.head(self.frozen(self.same(self.again(x)).mean((2, 3))))


def data(count, dtype, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, 5, 5, generator=generator, dtype=torch.float64).to(dtype)
    return x, torch.randint(3, (count,), generator=generator)


def classifier(dtype):
    torch.manual_seed(0)
    model = Classifier().to(dtype)
    model(data(16, dtype, seed=5)[0])  # running statistics of its own
    return model.train()


def points(problem, count=5):
    generator = torch.Generator().manual_seed(3)
    steps = torch.randn(count, problem.num_parameters, generator=generator, dtype=torch.float64)
    return [problem.theta + 0.3 * each.to(problem.theta) for each in steps]


def moved(model, theta):
    other = copy.deepcopy(model)
    nn.utils.vector_to_parameters(theta.cpu(), [each for each in other.parameters() if each.requires_grad])
    return other


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize("statistics", ["evaluation", "batch", "reestimated"])
def test_equals_a_plain_loop(dtype, tolerance, statistics, device):
    model, train, test = classifier(dtype), data(23, dtype), data(11, dtype, seed=2)
    problem = Problem(model, "cross_entropy", train, batch_size=8, device=device)
    problems = {"train": problem, "test": Problem(model, "cross_entropy", test, batch_size=4, device=device)}
    before = {name: each.clone() for name, each in model.state_dict().items()}
    found = list(PointEvaluator(problems, statistics=statistics)(points(problem)))
    for theta, values in zip(points(problem), found, strict=True):
        other = moved(model, theta).eval()
        if statistics == "reestimated":
            chunks = train[0].split(8)
            normalised = [other.conv(x) for x in chunks]
            weights = [len(x) / 23 for x in chunks]
            other.norm.running_mean = sum(w * x.mean((0, 2, 3)) for w, x in zip(weights, normalised, strict=True))
            other.norm.running_var = sum(w * x.var((0, 2, 3)) for w, x in zip(weights, normalised, strict=True))
        for name, (x, y), size in (("train", train, 8), ("test", test, 4)):
            other.norm.train(statistics == "batch")
            with torch.no_grad():
                pairs = list(zip(x.split(size), y.split(size), strict=True))
                loss = sum(F.cross_entropy(other(a), b, reduction="sum") for a, b in pairs)
                right = sum((other(a).argmax(1) == b).sum() for a, b in pairs)
            assert values[name].loss == pytest.approx(float(loss) / len(y), rel=tolerance)
            assert values[name].accuracy == pytest.approx(float(right) / len(y))
            assert values[name].complete
    assert model.training
    for name, each in model.state_dict().items():
        assert torch.equal(each, before[name])


def test_any_batch_size_and_chunk_gives_the_same(monkeypatch):
    model, train = classifier(torch.float64), data(23, torch.float64)
    problem = Problem(model, "cross_entropy", train)
    expected = [each["train"].loss for each in PointEvaluator({"train": problem})(points(problem))]
    for size in (1, 5, 23):
        other = Problem(model, "cross_entropy", train, batch_size=size)
        found = [each["train"].loss for each in PointEvaluator({"train": other})(points(problem))]
        np.testing.assert_allclose(found, expected, rtol=1e-13)
    monkeypatch.setattr(point_evaluation, "default_memory", lambda device: 0)
    monkeypatch.setattr(point_evaluation, "CHUNK", 2)
    evaluator = PointEvaluator({"train": Problem(model, "cross_entropy", train, batch_size=5)})
    np.testing.assert_allclose([each["train"].loss for each in evaluator(points(problem))], expected, rtol=1e-13)
    alone = [evaluator.at(theta)["train"].loss for theta in points(problem)]
    assert alone == [each["train"].loss for each in evaluator(points(problem))]


@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="no C++ compiler for torch.compile")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own, while it compiles
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_compiled_passes_give_the_same(dtype, tolerance):
    model, train = classifier(dtype), data(19, dtype)
    problem = Problem(model, "cross_entropy", train, batch_size=8)
    plain = list(PointEvaluator({"train": problem}, per_example=True)(points(problem)))
    compiled = list(PointEvaluator({"train": problem}, per_example=True, compiled=True)(points(problem)))
    assert torch._dynamo.utils.counters["frames"]["ok"] > 0
    for one, other in zip(plain, compiled, strict=True):
        assert other["train"].loss == pytest.approx(one["train"].loss, rel=tolerance)
        assert other["train"].accuracy == one["train"].accuracy
        np.testing.assert_allclose(other["train"].losses, one["train"].losses, rtol=10 * tolerance)


class Twofold(nn.Module):
    """Gives other numbers when it is compiled."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        return self.layer(x) * (1.001 if torch.compiler.is_compiling() else 1.0)


@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="no C++ compiler for torch.compile")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own, while it compiles
def test_what_compilation_changes_or_cannot_take_is_refused():
    x, y = torch.randn(6, 4), torch.arange(6) % 3
    problem = Problem(Twofold(), "cross_entropy", (x, y))
    with pytest.raises(ProblemError, match="Compiled, the network has a loss of"):
        PointEvaluator({"train": problem}, compiled=True)
    own = Problem(nn.Linear(4, 3), lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]), (x, y))
    with pytest.raises(ProblemError, match=r"cannot be compiled here\. Leave --compile out"):
        PointEvaluator({"train": own}, compiled=True)


def test_losses_of_examples_and_of_a_loss_of_the_model(device):
    model, (x, y) = classifier(torch.float64), data(9, torch.float64)
    problem = Problem(model, "cross_entropy", (x, y), batch_size=4, device=device)
    values = PointEvaluator({"train": problem}, per_example=True).at(problem.theta)["train"]
    with torch.no_grad():
        expected = F.cross_entropy(copy.deepcopy(model).eval()(x), y, reduction="none")
    np.testing.assert_allclose(values.losses, expected, rtol=1e-12)
    loss = lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])  # noqa: E731
    whole = Problem(model, loss, (x, y), batch_size=4, device=device)
    found = PointEvaluator({"train": whole}).at(problem.theta)["train"]
    assert found.loss == pytest.approx(values.loss, rel=1e-12)
    assert found.accuracy is None
    with pytest.raises(ProblemError):
        PointEvaluator({"train": whole}, per_example=True)
    with pytest.raises(UsageError):
        PointEvaluator({"train": problem}, statistics="running")


def test_a_sum_that_must_exceed_the_ceiling_ends_early(device):
    model, (x, y) = classifier(torch.float64), data(24, torch.float64)
    passes = []
    model.head.register_forward_hook(lambda *_: passes.append(1))
    problem = Problem(model, "cross_entropy", (x, y), batch_size=4, device=device)
    full = PointEvaluator({"train": problem}).at(problem.theta)["train"]
    evaluator = PointEvaluator({"train": problem}, ceiling=0.3 * full.loss)
    passes.clear()
    values = evaluator.at(problem.theta)["train"]
    assert not values.complete
    assert 0.3 * full.loss < values.loss <= full.loss
    assert len(passes) < 6
    assert PointEvaluator({"train": problem}, ceiling=full.loss * 1.01).at(problem.theta)["train"] == full


def test_a_network_that_needs_its_own_layout_is_evaluated_in_it():
    torch.manual_seed(0)

    class Views(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(75, 3)

        def forward(self, x):
            return self.head(x.view(len(x), -1))

    model, (x, y) = Views(), data(9, torch.float32)
    problem = Problem(model, "cross_entropy", (x, y))
    evaluator = PointEvaluator({"train": problem})
    assert not evaluator.channels_last
    assert evaluator.at(problem.theta)["train"].loss == pytest.approx(problem.loss(), rel=1e-6)
    assert PointEvaluator({"train": Problem(classifier(torch.float32), "cross_entropy", (x, y))}).channels_last
