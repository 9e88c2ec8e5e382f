"""No product of a curvature rounds its factors, whatever PyTorch is set to, and the settings come back."""

import contextlib
from typing import ClassVar

import pytest
import torch
from torch import nn

from landscape import GaussNewton, Hessian, Minimum, Problem, measure_minimum
from landscape.full_precision import full_precision
from landscape.solvers.memory_plan import plan_memory, rows_of_density

cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
NEW = hasattr(cudnn, "conv")


def settings():
    """Return everything that PyTorch says of it, by every name."""
    found = [torch.get_float32_matmul_precision(), products.allow_tf32]
    with contextlib.suppress(RuntimeError):
        found.append(cudnn.allow_tf32)
    if NEW:
        found += [each.fp32_precision for each in (cudnn.conv, cudnn.rnn, products, torch.backends.mkldnn.matmul)]
    return found


def rounds():
    """Return whether convolutions or matrix products would round."""
    said = [torch.get_float32_matmul_precision() != "highest"]
    if NEW:
        above = torch.backends.fp32_precision
        said += [
            (each.fp32_precision if each.fp32_precision != "none" else above) not in ("none", "ieee")
            for each in (cudnn.conv, cudnn.rnn, products)
        ]
    else:
        said += [cudnn.allow_tf32, products.allow_tf32]
    return any(said)


@pytest.fixture(params=["default", "high", "off", *(["conv", "all"] if NEW else [])])
def asked(request):
    """PyTorch's settings as a user may have left them; put back by the newest names."""
    before = torch.get_float32_matmul_precision()
    if request.param == "high":
        torch.set_float32_matmul_precision("high")
    elif request.param == "off":
        cudnn.allow_tf32 = False
    elif request.param == "conv":
        cudnn.conv.fp32_precision = "ieee"
    elif request.param == "all":
        torch.backends.fp32_precision = "tf32"
        cudnn.conv.fp32_precision = cudnn.rnn.fp32_precision = "none"
    yield request.param
    if NEW:
        torch.backends.fp32_precision = "none"
        cudnn.conv.fp32_precision = cudnn.rnn.fp32_precision = "tf32"
    torch.set_float32_matmul_precision(before)
    cudnn.allow_tf32 = True


def test_nothing_rounds_inside_and_all_is_put_back(asked):
    before, rounded = settings(), rounds()
    assert rounded == (asked != "off" if NEW or asked != "high" else True)
    with full_precision():
        assert not rounds()
        with full_precision():
            assert not rounds()
        assert not rounds()
    assert settings() == before
    with full_precision(rounded=True):
        assert rounds() == rounded
    with pytest.raises(ZeroDivisionError), full_precision():
        raise ZeroDivisionError
    assert settings() == before


class Noting(torch.autograd.Function):
    """The identity, that notes in every pass whether products would round."""

    seen: ClassVar[list[bool]] = []

    @staticmethod
    def forward(ctx, x):
        Noting.seen.append(rounds())
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        Noting.seen.append(rounds())
        return Noting.apply(g)


class Model(nn.Module):
    """A network that notes."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        return Noting.apply(torch.tanh(self.layer(x)))


def problem():
    torch.manual_seed(0)
    return Problem(Model(), "cross_entropy", (torch.randn(6, 3), torch.arange(6) % 2))


NAMES = ("trace", "relative_flatness", "average_sharpness", "fisher_rao")
DONE = {
    "product": lambda it: Hessian(it) @ torch.ones(it.num_parameters),
    "held product": lambda it: Hessian(it, product="double backward") @ torch.ones(it.num_parameters),
    "plan": lambda it: plan_memory(Hessian(it), rows_of_density(it.num_parameters, 4)),
    "plan of Gauss-Newton": lambda it: plan_memory(GaussNewton(it), rows_of_density(it.num_parameters, 4)),
    "choice": lambda it: Hessian(it).other_choice,
    "search for what is not finite": lambda it: Hessian(it).refuse_not_finite(torch.ones(it.num_parameters)),
    "gradient": lambda it: it.gradient(),
    "loss": lambda it: it.loss(),
    "evaluation": lambda it: it.evaluate(),
    "measures": lambda it: measure_minimum(Minimum(it, it.theta), NAMES),
}


@pytest.mark.parametrize("name", DONE)
def test_curvature_is_computed_so(asked, name):
    Noting.seen = []
    it, before = problem(), settings()
    Noting.seen.clear()
    DONE[name](it)
    assert Noting.seen
    assert not any(Noting.seen)
    assert settings() == before


def test_rounding_is_there_for_who_asks(asked):
    it = problem()
    asking = Problem(it.model, "cross_entropy", (torch.randn(6, 3), torch.arange(6) % 2), tf32=True)
    rounded = rounds()
    Noting.seen = []
    Hessian(asking) @ torch.ones(asking.num_parameters)
    assert set(Noting.seen) == {rounded}
