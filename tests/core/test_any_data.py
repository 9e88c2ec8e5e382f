"""Data in whatever form: the same examples give the same numbers, and data that are random are noticed."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from landscape import Hessian, Problem, measure
from landscape.errors import ProblemError


def model(norm=False):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6) if norm else nn.Tanh(), nn.Linear(6, 3)).double()


def examples():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(37, 5, generator=generator, dtype=torch.float64), torch.arange(37) % 3


class Augmented(Dataset):
    """Its examples are drawn anew each time, by the generator asked for."""

    def __init__(self, draw):
        self.draw = draw

    def __len__(self):
        return 37

    def __getitem__(self, index):
        x, y = examples()
        return x[index] + self.draw(), y[index]


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(a, b) for a, b in zip(*examples(), strict=True)])


class Reiterable:
    """What many write themselves: an object that gives a new generator each time."""

    def __init__(self, shuffled=False):
        self.own, self.shuffled = np.random.default_rng(0), shuffled

    def __iter__(self):
        x, y = examples()
        order = torch.from_numpy(self.own.permutation(37)) if self.shuffled else torch.arange(37)
        return ((x[rows], y[rows]) for rows in order.split(10))


SOURCES = {
    "tensors": lambda x, y: (x, y),
    "arrays": lambda x, y: (x.numpy(), y.numpy()),
    "data set": TensorDataset,
    "loader": lambda x, y: DataLoader(TensorDataset(x, y), batch_size=10),
    "loader with workers": lambda x, y: DataLoader(TensorDataset(x, y), batch_size=10, num_workers=2),
    "shuffling loader": lambda x, y: DataLoader(TensorDataset(x, y), batch_size=10, shuffle=True),
    "shuffling loader with workers": lambda x, y: DataLoader(
        TensorDataset(x, y), batch_size=10, shuffle=True, num_workers=1
    ),
    "shuffling loader with a generator": lambda x, y: DataLoader(
        TensorDataset(x, y), batch_size=10, shuffle=True, generator=torch.Generator().manual_seed(3)
    ),
    "iterable data set": lambda x, y: Stream(),
    "generator": lambda x, y: Reiterable(),
    "list": lambda x, y: [(x[:1], y[:1]), [x[1:30], y[1:30]], (x[30:], y[30:])],
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_examples_give_the_same_numbers(name, device):
    x, y = examples()
    source = SOURCES[name](x, y)
    own = getattr(source, "generator", None)
    states = torch.get_rng_state(), random.getstate(), own and own.get_state()
    exact = Problem(model(), "cross_entropy", (x, y), device=device)
    problem = Problem(model(), "cross_entropy", source, device=device)
    v = torch.randn(problem.num_parameters, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    torch.set_rng_state(states[0])
    H = Hessian(problem, memory=16_000)
    for _ in range(2):
        assert float((H @ v - Hessian(exact) @ v).norm()) <= 1e-13 * float(v.norm())
    assert problem.num_examples == 37
    assert problem.loss() == pytest.approx(exact.loss(), rel=1e-13)
    assert ("the data are shuffled; every pass here takes the same order" in problem.notes) == ("shuffling" in name)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert own is None or torch.equal(own.get_state(), states[2])


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    "draw", [lambda: 0.1 * torch.randn(()), lambda: 0.1 * np.random.randn(), lambda: 0.1 * random.random()]
)
def test_augmentation_is_noticed_and_can_be_frozen(draw, workers):
    loader = DataLoader(Augmented(draw), batch_size=10, num_workers=workers)
    with pytest.raises(ProblemError, match=r"different examples.*Turn that off.*--freeze-data"):
        Problem(model(), "cross_entropy", loader)
    problem = Problem(model(), "cross_entropy", loader, freeze_data=True)
    assert problem.loss() == problem.loss()
    assert problem.num_examples == 37
    assert any("held in memory" in note for note in problem.notes)


def test_a_generator_of_the_data_sets_own_is_noticed_too():
    with pytest.raises(ProblemError, match=r"another order in every pass.*freeze_data"):
        Problem(model(), "cross_entropy", Reiterable(shuffled=True))
    frozen = Problem(model(), "cross_entropy", Reiterable(shuffled=True), freeze_data=True)
    assert frozen.loss() == pytest.approx(Problem(model(), "cross_entropy", examples()).loss(), rel=1e-13)


def test_shuffled_batches_are_another_problem_for_batch_statistics():
    x, y = examples()
    loader = DataLoader(TensorDataset(x, y), batch_size=10, shuffle=True)
    with pytest.raises(ProblemError, match="which examples share a batch"):
        Problem(model(norm=True), "cross_entropy", loader, batch_norm="batch")
    problem = Problem(model(norm=True), "cross_entropy", loader, batch_norm="batch", freeze_data=True)
    assert problem.loss() == problem.loss()


def test_an_iterator_can_be_frozen():
    x, y = examples()
    batches = ((x[a : a + 10], y[a : a + 10]) for a in range(0, 37, 10))
    problem = Problem(model(), "cross_entropy", batches, freeze_data=True)
    assert problem.loss() == pytest.approx(Problem(model(), "cross_entropy", (x, y)).loss(), rel=1e-13)


def test_a_loader_that_fills_the_same_memory_again_can_be_frozen():
    class Reusing:
        def __iter__(self):
            x, y = examples()
            place = torch.empty(10, 5, dtype=torch.float64)
            for a in range(0, 30, 10):
                yield place.copy_(x[a : a + 10]), y[a : a + 10]

    x, y = examples()
    frozen = Problem(model(), "cross_entropy", Reusing(), freeze_data=True)
    assert frozen.loss() == pytest.approx(Problem(model(), "cross_entropy", (x[:30], y[:30])).loss(), rel=1e-13)


def test_dicts_and_nested_tuples_of_tensors_are_all_examples_at_once():
    x, y = examples()
    exact = Problem(model(), "cross_entropy", (x, y)).loss()

    def of_dict(model, batch):
        return F.cross_entropy(model(batch["x"]), batch["y"])

    def of_nested(model, batch):
        return F.cross_entropy(model(batch[0][0] + batch[0][1]["zero"]), batch[1])

    by_name = Problem(model(), of_dict, {"x": x, "y": y}, batch_size=10)
    nested = Problem(model(), of_nested, ((x, {"zero": 0 * x}), y), batch_size=10)
    assert by_name.loss() == pytest.approx(exact, rel=1e-13)
    assert nested.loss() == pytest.approx(exact, rel=1e-13)
    assert by_name.num_examples == nested.num_examples == 37


class Graphs:
    """A batch whose size no tensor shows: nodes of several graphs, one after the other."""

    def __init__(self, nodes, graph, y):
        self.nodes, self.graph, self.y = nodes, graph, y

    def to(self, device):
        return Graphs(self.nodes.to(device), self.graph.to(device), self.y.to(device))


def graph_batches():
    x, y = examples()
    graph = torch.arange(37) % 7
    order = graph.argsort(stable=True)
    return [
        Graphs(x[order][graph[order] < 3], graph[order][graph[order] < 3], y[:3]),
        Graphs(x[order][graph[order] >= 3], graph[order][graph[order] >= 3] - 3, y[3:7]),
    ]


def of_graphs(model, batch):
    outputs = model(batch.nodes)
    pooled = torch.zeros(len(batch.y), 3, dtype=outputs.dtype).index_add(0, batch.graph, outputs)
    return F.cross_entropy(pooled, batch.y)


def test_batches_of_unknown_size_can_be_told():
    batches = graph_batches()
    with pytest.raises(ProblemError, match="batch_size_of=, a function of a batch"):
        Problem(model(), of_graphs, batches)
    problem = Problem(model(), of_graphs, batches, batch_size_of=lambda batch: len(batch.y))
    exact = sum(len(each.y) / 7 * of_graphs(model(), each).item() for each in batches)
    assert problem.num_examples == 7
    assert problem.loss() == pytest.approx(exact, rel=1e-13)
    found = measure(model(), of_graphs, batches, batch_size_of=lambda batch: len(batch.y))
    H = Hessian(problem).to_dense()
    assert found["top_eigenvalue"].value == pytest.approx(float(torch.linalg.eigvalsh(H)[-1]), rel=1e-4)
    with pytest.raises(ProblemError, match="cannot be drawn"):
        problem.subset(3)


def test_time_first_batches_can_be_told():
    """The first dimension of the inputs is time: only the user knows."""
    x = torch.randn(6, 9, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    y = torch.arange(9) % 3

    class TimeFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model()

        def forward(self, x):
            return self.inner(x).mean(0)

    batches = [(x[:, :2], y[:2]), (x[:, 2:], y[2:])]
    problem = Problem(TimeFirst(), "cross_entropy", batches, batch_size_of=lambda batch: len(batch[1]))
    exact = Problem(TimeFirst(), "cross_entropy", [(x, y)], batch_size_of=lambda batch: len(batch[1]))
    v = torch.randn(problem.num_parameters, dtype=torch.float64)
    assert problem.num_examples == 9
    assert float((Hessian(problem) @ v - Hessian(exact) @ v).norm()) <= 1e-13 * float(v.norm())


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        ([], {}, "no examples"),
        (TensorDataset(*(each[:0] for each in examples())), {}, "no examples"),
        (DataLoader(TensorDataset(*examples()), batch_size=64, drop_last=True), {}, "no examples"),
        (iter([examples()]), {}, "more than once.*freeze_data=True"),
        (iter([]), {"freeze_data": True}, "no examples"),
        (3, {}, "more than once: they are a int"),
        ([examples()], {"batch_size_of": lambda batch: 1 / 0}, "batch_size_of raised ZeroDivisionError"),
        ([examples()], {"batch_size_of": lambda batch: -1}, "batch_size_of gave -1"),
        ([examples()], {"batch_weight_of": lambda batch: 0}, "No example counts"),
        ([(examples()[0], torch.full((37,), -100))], {}, "No example counts"),
    ],
)
def test_data_that_cannot_be_measured_are_named(data, options, words):
    with pytest.raises(ProblemError, match=words):
        Problem(model(), "cross_entropy", data, **options)
