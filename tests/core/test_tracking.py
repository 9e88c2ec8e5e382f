"""What is measured along training, against the dense Hessian; and that training does not notice."""

import dataclasses

import numpy as np
import pytest
import torch
from dense_oracle import dense_hessian
from torch import nn

from landscape.data import DataSet
from landscape.errors import ProblemError, UsageError
from landscape.losses import half_squared
from landscape.operators import Dense
from landscape.problem import Problem
from landscape.randomness import derive_seed
from landscape.tracking import Followed, TrackSettings, follow
from landscape.tracking.stop import ANEW, Warm, _eigenpairs
from landscape.training import TrainingConfig, training_steps
from landscape.training.optimizer_definition import optimizer_definition
from landscape.training.optimizer_state import flat_tensors
from landscape.training.prepare import prepare_run

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 5, generator=generator), torch.arange(60) % 3
    return DataSet("made", (x, y), (x[:9], y[:9]), 3)


def make(dropout=False):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        middle = [nn.BatchNorm1d(6), nn.Dropout(0.2)] if dropout else []
        return nn.Sequential(nn.Linear(5, 6), *middle, nn.Tanh(), nn.Linear(6, 3))


def tracked(data, config, settings, *, dtype=torch.float64, dropout=False, followed=None, max_batch=None, device=CPU):
    run = prepare_run(make(dropout), half_squared, data, config, device=device, dtype=dtype)
    examples = (data.train[0].to(dtype), data.train[1])
    problem = Problem(make(dropout).to(dtype), half_squared, examples, batch_size=max_batch, device=device)
    return run, problem, follow(run, problem, settings, followed or Followed())


def dense(problem, theta):
    model = make().double()
    nn.utils.vector_to_parameters(theta.cpu(), model.parameters())
    batches = [batch for batch, _ in problem.batches()]
    x, y = (torch.cat([batch[part] for batch in batches]).cpu() for part in (0, 1))
    return dense_hessian(model, half_squared, x, y)


SETTINGS = TrackSettings(every=3, top_k=2, rtol=1e-6, batches=5, product="double backward", trace=True)
SETTINGS_OF_ONE = TrackSettings(every=1, rtol=1e-3)
OPTIMIZERS = [
    ("sgd", {"momentum": 0}, None),
    ("adam", {"weight_decay": 0.1}, None),
    ("adamw", {}, 20),
    ("nadam", {}, None),
    ("radam", {"betas": "0.9,0.99"}, None),
    ("rmsprop", {"centered": True}, 20),
    ("adagrad", {}, None),
    ("sam", {}, None),
]


@pytest.mark.parametrize(("name", "options", "batch"), OPTIMIZERS)
def test_every_number_equals_the_dense_one(data, name, options, batch, device):
    config = TrainingConfig(name, 0.01, options, batch_size=batch, steps=7)
    # the same training without measuring, for states and points
    plain = prepare_run(make(), half_squared, data, config, device=CPU, dtype=torch.float64)
    points, states = _walk(plain, 8)
    _, _, rows = tracked(data, config, SETTINGS, device=device)
    problem = Problem(make().double(), half_squared, (data.train[0].double(), data.train[1]))
    for row in rows:
        theta, g = points[row.step], problem.gradient(points[row.step])
        H, update = dense(problem, theta), points[row.step + 1] - points[row.step]
        values, vectors = torch.linalg.eigh(H)
        found = [each.value for each in row.eigenvalues]
        np.testing.assert_allclose(found, values.flip(0)[:2], rtol=1e-9)
        assert row.train_loss == pytest.approx(problem.loss(theta), rel=1e-12)
        assert row.gradient_norm == pytest.approx(float(g.norm()), rel=1e-10)
        assert row.trace == pytest.approx(float(H.trace()), abs=max(5 * row.trace_error, 1e-9))
        for got, v in ((row.gradient_alignment, g), (row.update_alignment, update)):
            expected = (vectors.flip(1)[:, :2].T @ v).abs() / v.norm()
            np.testing.assert_allclose(got, expected, atol=1e-4)
        assert row.predicted_change == pytest.approx(float(g @ update + update @ H @ update / 2), rel=1e-9)
        assert row.actual_change == pytest.approx(problem.loss(theta + update) - problem.loss(theta), abs=1e-13)
        diagonal = optimizer_definition(name).diagonal
        if diagonal is None:
            assert row.preconditioned_top_eigenvalue is None
            continue
        P = diagonal(config.optimizer_options, row.step + 1, states[row.step + 1]).double()
        decay = config.optimizer_options["weight_decay"] if name == "adam" else 0.0
        own = (H + decay * torch.eye(len(H))) / (P.sqrt()[:, None] * P.sqrt()[None, :])
        assert row.preconditioned_top_eigenvalue == pytest.approx(float(torch.linalg.eigvalsh(own)[-1]), rel=1e-8)
        assert row.ratio == pytest.approx(row.preconditioned_top_eigenvalue / row.edge)


def _walk(run, steps):
    """Return the points and the optimizer's states before each step and after the last."""
    from landscape.training.run import take_steps

    run = dataclasses.replace(run, learning_rates=(*run.learning_rates, run.learning_rates[-1]))

    def point():
        return torch.cat([each.detach().flatten() for each in run.parameters])

    points, states = [point()], [{}]
    for _ in take_steps(run, 0, steps):
        points.append(point())
        states.append(flat_tensors(run.optimizer, run.parameters))
    return points, states


def test_batch_sharpness_is_its_two_definitions(data, device):
    config = TrainingConfig("sgd", 0.1, batch_size=15, steps=1)
    run, problem, rows = tracked(data, config, SETTINGS, device=device)
    theta = torch.cat([each.detach().flatten() for each in run.parameters]).clone()
    row = next(rows)
    curvature, squares = [], []
    for number in range(5):
        batch = problem.subset(15, derive_seed(0, "batch sharpness 1", number))
        g, H = batch.gradient(theta).cpu(), dense(batch, theta)
        curvature.append(float(g @ H @ g))
        squares.append(float(g @ g))
    curvature, squares = np.array(curvature), np.array(squares)
    assert row.batch_sharpness == pytest.approx(curvature.sum() / squares.sum(), rel=1e-9)
    assert row.batch_sharpness_mean_of_ratios == pytest.approx((curvature / squares).mean(), rel=1e-9)
    assert row.batch_sharpness_error > 0
    assert row.batch_sharpness_mean_of_ratios_error > 0


@pytest.mark.parametrize("name", ["sgd", "adam", "sam"])
def test_training_does_not_notice(data, name, device):
    config = TrainingConfig(name, 0.02, batch_size=16, steps=13, evaluate_every=4)
    *_, view = training_steps(make(dropout=True), half_squared, data, config, device=device)
    settings = TrackSettings(every=3, batches=3)
    run, _, rows = tracked(data, config, settings, dtype=torch.float32, dropout=True, device=device)
    assert [row.step for row in rows] == [0, 3, 6, 9, 12, 13]
    for a, b in zip(view.model.state_dict().values(), run.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_later_stops_begin_from_the_vectors_before(data):
    config = TrainingConfig("sgd", 1e-4, batch_size=None, steps=20)
    settings = TrackSettings(every=5, rtol=1e-3, batches=0)
    matvecs = [row.matvecs for row in tracked(data, config, settings)[2]]
    assert max(matvecs[1:]) <= matvecs[0] / 2


def test_an_overtaken_eigenvector_is_left_within_ten_stops():
    # smaller operators are multiplied out
    H = Dense(torch.diag(torch.tensor([1.0, 3.0, 2.0, *torch.linspace(0.5, 0, 37)], dtype=torch.float64)))
    old = torch.full((40,), 1e-5, dtype=torch.float64)
    old[2] = 1.0
    warm = Warm({"hessian": old}, stops=1)
    values = []
    for _ in range(ANEW):
        values.append(_eigenpairs(H, "hessian", SETTINGS_OF_ONE, warm, old).values[0])
        warm.stops += 1
    assert values[0] == pytest.approx(2)
    assert values[-1] == pytest.approx(3)


def test_the_edge_is_that_of_the_current_step(data, device):
    config = TrainingConfig("sgd", 0.2, {"momentum": 0}, batch_size=None, steps=12, schedule="cosine", warmup=2)
    for row in tracked(data, config, SETTINGS, device=device)[2]:
        assert row.edge == pytest.approx(2 / row.lr)
    clipped = TrainingConfig("sgd", 0.2, {"momentum": 0}, batch_size=None, steps=3, clip_norm=1e-3)
    first = next(tracked(data, clipped, SETTINGS, device=device)[2])
    assert first.edge == pytest.approx(10 * first.step_gradient_norm / 1e-3)
    assert "clipped" in first.edge_note


def test_an_unknown_optimizer_is_measured_plainly(data):
    config = TrainingConfig("torch:Adamax", 0.01, batch_size=None, steps=3)
    for row in tracked(data, config, SETTINGS)[2]:
        assert row.top_eigenvalue is not None
        assert row.edge is row.ratio is row.preconditioned_top_eigenvalue is None
        assert "torch:Adamax is not known" in row.edge_note


def test_full_batch_in_chunks_is_the_same_to_rounding(data, device):
    whole = TrainingConfig("adam", 0.01, batch_size=None, steps=6)
    chunked = TrainingConfig("adam", 0.01, batch_size=None, steps=6, max_batch=7)
    own = tracked(data, whole, SETTINGS, device=device)[2]
    in_chunks = tracked(data, chunked, SETTINGS, max_batch=7, device=device)[2]
    for a, b in zip(own, in_chunks, strict=True):
        assert b.train_loss == pytest.approx(a.train_loss, rel=1e-11)
        assert b.top_eigenvalue == pytest.approx(a.top_eigenvalue, rel=1e-9)
        assert b.preconditioned_top_eigenvalue == pytest.approx(a.preconditioned_top_eigenvalue, rel=1e-7)


def test_a_divergence_is_a_row(data, device):
    config = TrainingConfig("sgd", 1e6, {"momentum": 0}, batch_size=None, steps=60)
    rows = list(tracked(data, config, SETTINGS, device=device)[2])
    assert "diverged" in rows[-1].diverged
    assert rows[-1].step < 60
    assert rows[-1].top_eigenvalue is None
    assert not any(row.diverged for row in rows[:-1])


def test_not_a_number_before_training_is_said(data):
    config = TrainingConfig("sgd", 0.1, batch_size=None, steps=3)
    broken = dataclasses.replace(data, train=(data.train[0] * float("nan"), data.train[1]))
    with pytest.raises(ProblemError, match="nan before training"):
        list(tracked(broken, config, SETTINGS)[2])


@pytest.mark.parametrize(
    ("field", "value"), [("every", 0), ("top_k", 0), ("batches", -1), ("max_matvecs", 1), ("rtol", 0), ("rtol", 1)]
)
def test_settings_out_of_range(field, value):
    with pytest.raises(UsageError, match=field):
        TrackSettings(**{"every": 1, field: value})
