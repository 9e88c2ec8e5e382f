"""A product waits for no device; a solver reads once a product; what is not finite is still traced to its batch."""

import math

import pytest
import torch
from torch import nn
from waiting import META, Waits, elsewhere, readings

from landscape import Fisher, GaussNewton, Hessian, Preconditioned, Problem, hutchinson, lanczos, power_iteration
from landscape.batches import Batches
from landscape.operators import Restricted, Scaled, Shifted, Sum
from landscape.operators.hessian_products import HOLDABLE, KINDS
from landscape.solvers.by_name import lobpcg, power_iteration_of_both_ends


@pytest.fixture(scope="module")
def problems():
    """Return losses of a small CNN with examples in uneven batches; one with targets that do not count."""
    torch.manual_seed(0)
    layers = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    model = nn.Sequential(*layers, nn.Linear(12, 4))
    x, y = torch.randn(11, 2, 6, 6), torch.randint(4, (11,))
    return {
        # the weights of batches are counts of targets
        "some left out": Problem(model, nn.CrossEntropyLoss(), (x, y.where(y > 0, -100)), batch_size=4),
        "all": Problem(model, "cross_entropy", (x, y), batch_size=4, weight_decay=1e-3),
    }


def products(operator, held):
    """Return what the second product would wait for: the first one chooses how to compute, and holds what fits."""
    operator.batches.hold_any = held
    operator.batches._full = not held
    v = torch.empty(operator.shape[0], device=META)
    assert (operator @ v).device.type == "meta"
    assert operator.batches.count == (3 if held else 0)
    with Waits() as waits:
        _ = operator @ v
        _ = operator @ torch.stack([v, v], dim=1)
    return waits.seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("held", [True, False])
def test_a_hessian_product_waits_for_nothing(problems, kind, held):
    problem = problems["some left out"]
    H, choice = Hessian(elsewhere(problem)), Hessian(problem, product=kind).other_choice
    vars(H)["held_choice" if held and kind in HOLDABLE else "other_choice"] = choice
    vars(H).setdefault("held_choice", Hessian(problem, product="double backward").held_choice)
    assert not products(H, held)


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize(
    "make",
    [GaussNewton, *(lambda *a, kind=kind: Fisher(*a, kind=kind) for kind in ("type_ii", "monte_carlo", "empirical"))],
    ids=["gauss newton", "type ii", "monte carlo", "empirical"],
)
def test_a_gauss_newton_product_waits_for_nothing(problems, make, held):
    problem = problems["all"]
    G = make(elsewhere(problem))
    vars(G)["efficient"] = make(problem).efficient
    assert not products(G, held)


def test_readings_are_seen(problems):
    there = elsewhere(problems["some left out"])
    with Waits() as waits:
        with pytest.raises(RuntimeError, match="meta"):
            float(torch.ones(3, device=META).sum())
        _ = torch.ones(3, device=META) + torch.ones(3).to(META)
    assert waits.seen == {"_local_scalar_dense": 1, "copy between devices": 1}
    with Waits(), pytest.raises(AssertionError, match="cpu and meta"):
        _ = torch.ones(3, device=META) + torch.ones(3)
    # the gradient, too, goes through the batches without counting targets again
    with Waits() as waits:
        there.gradient()
    assert not waits.seen


def test_examples_in_memory_are_moved_once():
    x, y = torch.randn(5, 3), torch.arange(5)
    moved = Batches({"x": x, "y": y.numpy()}, 2).on(META)
    assert [(each["x"].device, len(each["y"])) for each in moved] == [(META, 2), (META, 2), (META, 1)]
    assert Batches((x, y)).kept_near(torch.device("cpu")).source[0] is x


def test_a_solver_reads_once_a_product(monkeypatch):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    problem = Problem(model, "cross_entropy", (torch.randn(40, 6), torch.randint(3, (40,))), dtype=torch.float64)
    away(monkeypatch)
    H = Hessian(problem)
    _ = H @ torch.ones(H.shape[0])
    for solve, constant in (
        (lambda m: lanczos(H, 1, rtol=1e-12, max_matvecs=m), 12),
        (lambda m: power_iteration(H, 1, rtol=1e-12, max_matvecs=m), 12),
    ):
        counts = []
        for most in (8, 16):
            with readings(monkeypatch) as names:
                assert solve(most).matvecs == most
            counts.append(len(names))
        assert counts[1] - counts[0] == 8
        assert counts[0] <= 8 + constant


def away(monkeypatch):
    """Let products on the CPU be as on a GPU: nobody looks at them where they are made."""
    for module in ("hessian", "gauss_newton"):
        monkeypatch.setattr(f"landscape.operators.{module}.reads_are_free", lambda device: False)


WRAPPED = {
    "itself": lambda H: H,
    "preconditioned": lambda H: Preconditioned(H, torch.ones(H.shape[0])),
    "sum": lambda H: Sum([H, H]),
    "shifted": lambda H: Shifted(H, 1.0),
    "scaled": lambda H: Scaled(H, torch.ones(H.shape[0])),
    "restricted": lambda H: Restricted(H, torch.arange(5)),
}
SOLVERS = {
    "lanczos": lanczos,
    "power iteration": power_iteration,
    "hutchinson": hutchinson,
    "power iteration from below": lambda H: power_iteration_of_both_ends(H, 0, bottom=1),
    "lobpcg": lobpcg,
}


@pytest.mark.parametrize("operator", [Hessian, GaussNewton])
@pytest.mark.parametrize(("wrap", "solve"), [*((w, "lanczos") for w in WRAPPED), *(("itself", s) for s in SOLVERS)])
def test_what_is_not_finite_names_the_batch_when_it_is_read(monkeypatch, operator, wrap, solve):
    away(monkeypatch)
    torch.manual_seed(0)
    x, y = torch.randn(12, 3), torch.randint(2, (12,))
    x[5] = math.nan
    H = WRAPPED[wrap](operator(Problem(nn.Linear(3, 2), "cross_entropy", (x, y), batch_size=4)))
    assert not torch.isfinite(H @ torch.ones(H.shape[0])).all()
    with pytest.raises(FloatingPointError, match=r"batch 2 \(of 4 examples\)"):
        SOLVERS[solve](H)
