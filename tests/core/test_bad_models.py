"""Models, losses and arguments that cannot be measured: each refused in one sentence that says what to do."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landscape import Hessian, Problem
from landscape.errors import LandscapeError, ProblemError, UsageError


def examples():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(9, 5, generator=generator), torch.arange(9) % 3


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))


class Of(nn.Module):
    """A network with something of the test's between its layers."""

    def __init__(self, trick):
        super().__init__()
        self.a, self.b = nn.Linear(5, 6), nn.Linear(6, 3)
        self.trick = trick

    def forward(self, x):
        return self.b(self.trick(self.a(x)))


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        return g * 2


class OwnNoise(nn.Module):
    """Noise of a generator that nobody else knows."""

    def __init__(self):
        super().__init__()
        self.inner, self.source = mlp(), torch.Generator().manual_seed(0)

    def forward(self, x):
        return self.inner(x + 0.1 * torch.randn(x.shape, generator=self.source))


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(5, 3)]

    def forward(self, x):
        return self.layers[0](x)


class Clamping(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = mlp()

    def forward(self, x):
        self.inner[0].weight.data.clamp_(-0.1, 0.1)
        return self.inner(x)


def of_model(value):
    def loss(model, batch):
        return value(model(batch[0]), batch[1])

    return loss


def lying_on_two_devices():
    model = mlp()
    model[2].to("meta")
    return model


def partly_scripted():
    return nn.Sequential(mlp(), torch.jit.script(nn.Linear(3, 3)))


def quantized():
    return torch.ao.quantization.quantize_dynamic(mlp(), {nn.Linear}, dtype=torch.qint8)


MODELS = {
    "a factory": (lambda: mlp, UsageError, "it is the function mlp. If that makes the model, call it"),
    "no module": (lambda: 3, UsageError, "must be a torch.nn.Module; it is a int"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(3)), ProblemError, "no shape yet.*Run one batch"),
    "meta": (lambda: mlp().to("meta"), ProblemError, "meta device.*Load the weights"),
    "partly meta": (lying_on_two_devices, ProblemError, "meta device"),
    "scripted": (lambda: torch.jit.script(mlp()), ProblemError, "scripted.*Give the Python module"),
    "partly scripted": (partly_scripted, ProblemError, "'1' is scripted"),
    "complex": (lambda: nn.Linear(5, 3, dtype=torch.complex64), ProblemError, "complex.*view_as_real"),
    "frozen": (lambda: mlp().requires_grad_(False), ProblemError, "no trainable parameters. Set requires_grad"),
    "layers in a list": (Listed, ProblemError, "in a plain Python list"),
    "dropout by function": (lambda: Of(F.dropout), ProblemError, r"random.*training=self.training"),
    "noise of its own": (OwnNoise, ProblemError, "random"),
    "writing into its parameters": (Clamping, ProblemError, "writes into the parameters.*training step"),
    "other outputs": (lambda: Of(lambda h: h[None]), ProblemError, "raised"),
    "once differentiable": (lambda: Of(Once.apply), ProblemError, "differentiated again.*once_differentiable"),
    "quantized": (quantized, ProblemError, "weights are quantized. Give the model before"),
    "an error": (lambda: nn.Linear(4, 3), ProblemError, r"raised RuntimeError.*float32 tensor of shape \(9, 5\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore:Lazy modules:UserWarning", "ignore:torch.quantize_per_tensor"
)
def test_models(name):
    make, error, words = MODELS[name]
    with pytest.raises(error, match=words):
        _ = Hessian(Problem(make(), "cross_entropy", examples())) @ torch.ones(57)


LOSSES = {
    "a vector": (lambda f, t: F.cross_entropy(f, t, reduction="none"), ProblemError, r"shape \(9,\).*Take its mean"),
    "an integer": (lambda f, t: (f.argmax(1) == t).sum(), ProblemError, "one number.*int64"),
    "a Python number": (lambda f, t: 1.0, ProblemError, "one number.*a float"),
    "nothing": (lambda f, t: None, ProblemError, "one number.*NoneType"),
    "detached": (lambda f, t: F.cross_entropy(f.detach(), t), ProblemError, "does not depend on the parameters"),
    "an accuracy": (lambda f, t: (f.argmax(1) == t).float().mean(), ProblemError, "does not depend"),
    "a sum": (lambda f, t: F.cross_entropy(f, t, reduction="sum"), ProblemError, "is the sum over its examples"),
    "a sum of the model": (of_model(lambda f, t: f.square().sum()), ProblemError, "is the sum over its examples"),
    "no reduction": (nn.CrossEntropyLoss(reduction="none"), ProblemError, "no mean"),
    "a model under another name": (lambda m, b: m(b[0]).mean(), ProblemError, "first argument is named model"),
    "a class": (nn.CrossEntropyLoss, UsageError, r"the class CrossEntropyLoss. Give CrossEntropyLoss\(\)"),
    "no function": (3.0, UsageError, "it is a float"),
    "an unknown name": ("cross_entropi", UsageError, "Did you mean 'cross_entropy'"),
    "an error": (lambda f, t: F.cross_entropy(f, t[:3]), ProblemError, "raised ValueError"),
    "random": (of_model(lambda f, t: f.square().mean() * torch.rand(())), ProblemError, "random"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    loss, error, words = LOSSES[name]
    with pytest.raises(error, match=words):
        Problem(mlp(), loss, examples())


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"parameters": "3.weight"}, UsageError, "No trainable parameter matches '3.weight'. Did you mean '2.weight'"),
        ({"parameters": ["0.*", "layer"]}, UsageError, "No trainable parameter matches 'layer'.*Names: 0.weight"),
        ({"parameters": []}, UsageError, "No parameter is chosen"),
        ({"dtype": torch.bfloat16}, UsageError, "float32 or float64, not in torch.bfloat16"),
        ({"dtype": torch.float64, "device": "mps"}, UsageError, "MPS has no float64"),
        ({"batch_norm": "train"}, UsageError, "'evaluation' or 'batch'"),
        ({"batch_size": 0}, UsageError, "batch_size"),
    ],
)
def test_arguments(options, error, words):
    with pytest.raises(error, match=words):
        Problem(mlp(), "cross_entropy", examples(), **options)


def test_only_frozen_parameters_match():
    model = mlp()
    model[0].requires_grad_(False)
    with pytest.raises(UsageError, match=r"'0' matches only parameters that are frozen.*requires_grad"):
        Problem(model, "cross_entropy", examples(), parameters="0")


def test_nothing_is_left_behind_by_what_is_refused():
    model = Of(lambda h: F.dropout(h) if h.shape[1] == 6 else h)
    state, keys = torch.get_rng_state(), set(vars(model))
    with pytest.raises(LandscapeError):
        Problem(model, "cross_entropy", examples())
    assert model.training
    assert torch.equal(state, torch.get_rng_state())
    assert set(vars(model)) == keys
    assert all(each.grad is None and each.requires_grad for each in model.parameters())
