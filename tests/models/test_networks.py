import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from landscape.data import load_dataset
from landscape.errors import UsageError
from landscape.models import build_model
from landscape.models.vit import Attention

DIGITS, MNIST, CIFAR = (1, 8, 8), (1, 28, 28), (3, 32, 32)
NETWORKS = {
    "mlp": ("mlp", {"widths": "12,9"}),
    "mlp, relu": ("mlp", {"widths": "12", "activation": "relu"}),
    "linear": ("mlp", {"widths": ""}),
    "cnn": ("cnn", {}),
    "cnn, one layer": ("cnn", {"channels": "5", "activation": "tanh"}),
    "resnet20": ("resnet20", {"width": 4}),
    "resnet20, no skip": ("resnet20", {"width": 4, "skip": "false"}),
    "resnet20, no norm": ("resnet20", {"width": 4, "norm": "none"}),
    "resnet20, neither": ("resnet20", {"width": 4, "norm": "none", "skip": "false"}),
    "resnet18": ("resnet18", {"width": 4}),
    "resnet18, no norm": ("resnet18", {"width": 4, "norm": "none"}),
    "vgg11": ("vgg11", {"width": 4}),
    "vgg11, no norm": ("vgg11", {"width": 4, "norm": "none"}),
    "vit": ("vit", {"dim": 8, "depth": 2, "heads": 2}),
}


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shape", [DIGITS, MNIST, CIFAR], ids=["digits", "mnist", "cifar"])
def test_outputs_of_every_network_on_every_image_size(network, shape):
    name, options = NETWORKS[network]
    model = build_model(name, shape, 7, options=options)
    assert model.training
    assert model(torch.randn(3, *shape)).shape == (3, 7)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_the_hessian_is_finite_and_symmetric(network, training):
    name, options = NETWORKS[network]
    model = build_model(name, DIGITS, 4, options=options).double().train(training)
    generator = torch.Generator().manual_seed(0)
    parameters = list(model.parameters())
    # Away from the initialisation, where a zero convolution would hide the curvature behind it.
    with torch.no_grad():
        for each in parameters:
            each += 0.05 * torch.randn(each.shape, generator=generator, dtype=torch.float64)
    x = torch.randn(6, *DIGITS, generator=generator, dtype=torch.float64)
    loss = cross_entropy(model(x), torch.tensor([0, 1, 2, 3, 0, 1]))
    gradient = torch.autograd.grad(loss, parameters, create_graph=True)

    def hessian_times(v):
        return torch.autograd.grad(gradient, parameters, v, retain_graph=True)

    def dot(a, b):
        return sum((p * q).sum() for p, q in zip(a, b, strict=True)).item()

    u, v = ([torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in parameters] for _ in range(2))
    hu, hv = hessian_times(u), hessian_times(v)
    assert all(torch.isfinite(part).all() for part in (*hu, *hv))
    assert dot(hv, hv) > 0
    assert dot(u, hv) == pytest.approx(dot(v, hu), rel=1e-8)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # (64 * 100 + 100) + (100 * 100 + 100) + (100 * 10 + 10)
        ("mlp", (DIGITS, 17_610)),
        ("cnn", (DIGITS, 9_786)),
        # Idelbayev's list of CIFAR ResNets, option A, without the parameters of normalised skip connections
        ("resnet20", (CIFAR, 269_722)),
        # kuangliu/pytorch-cifar
        ("resnet18", (CIFAR, 11_173_962)),
        # the same, less the biases of convolutions before BatchNorm, which do nothing
        ("vgg11", (CIFAR, 9_231_114 - 2_752)),
    ],
)
def test_known_numbers_of_parameters(name, expected):
    shape, parameters = expected
    with torch.device("meta"):
        assert count(build_model(name, shape, 10)) == parameters


def test_no_skip_means_no_skip():
    x = torch.randn(2, *CIFAR)
    for skip, passes in ((True, True), (False, False)):
        model = build_model("resnet20", CIFAR, 10, options={"skip": skip, "norm": "none"})
        with torch.no_grad():
            for block in model.blocks:
                block.second[0].weight.zero_()
        assert bool(model(x).std(dim=0).any()) is passes


def test_without_norm_every_block_starts_as_nothing():
    model = build_model("resnet20", CIFAR, 10, options={"norm": "none"})
    features = torch.rand(2, 16, 8, 8)
    torch.testing.assert_close(model.blocks[0](features), features)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def test_attention_mixes_patches():
    model = build_model("vit", DIGITS, 10, options={"depth": 1}).eval()
    x = torch.zeros(1, *DIGITS, requires_grad=True)
    tokens = model.embed(x).flatten(2).transpose(1, 2)
    (gradient,) = torch.autograd.grad(model.layers(tokens)[0, 0].sum(), x)
    assert gradient[..., 4:, 4:].abs().sum() > 0


def test_attention_is_torchs():
    attention = Attention(12, heads=3).double()
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    q, k, v = (part.unflatten(-1, (3, 4)).transpose(1, 2) for part in attention.qkv(x).chunk(3, dim=-1))
    expected = attention.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "shape", "options", "message"),
    [
        ("cnn", (1, 8, 3), {}, "at least 4x4 pixels, and these have 8x3"),
        ("cnn", (1, 8, 8), {"channels": "8,8,8,8"}, "at least 16x16"),
        ("cnn", (64,), {}, r"needs images .* has shape \(64,\)"),
        ("cnn", (1, 8, 8), {"channels": ""}, "at least one"),
        ("resnet20", (3, 7, 8), {}, "at least 8x8"),
        ("resnet18", (3, 7, 8), {}, "at least 8x8"),
        ("vgg11", (3, 4, 4), {}, "at least 8x8"),
        ("vit", (1, 8, 8), {"patch": 3}, "8x8 is no multiple"),
        ("vit", (1, 8, 8), {"patch": 16}, "at least 16x16"),
        ("vit", (1, 8, 8), {"dim": 10, "heads": 4}, "dim=10, which heads=4 does not divide"),
        ("resnet20", (3, 32, 32), {"norm": "layer"}, "One of: batch, none"),
    ],
)
def test_inputs_and_options_that_do_not_fit(name, shape, options, message):
    with pytest.raises(UsageError, match=message):
        build_model(name, shape, 10, options=options)


def test_cnn_learns_digits_in_twenty_epochs():
    digits = load_dataset("digits")
    (x, y), (test_x, test_y) = digits.train, digits.test
    model = build_model("cnn", digits.input_shape, digits.num_outputs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        for batch in torch.randperm(len(x), generator=generator).split(64):
            optimizer.zero_grad()
            cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        assert cross_entropy(model(x), y) < 0.01
        assert (model(test_x).argmax(dim=1) == test_y).float().mean() >= 0.97


@pytest.mark.parametrize("network", ["resnet20, no norm", "resnet20, neither", "vgg11, no norm"])
def test_networks_without_norm_train(network):
    name, options = NETWORKS[network]
    digits = load_dataset("digits", train_examples=128)
    x, y = digits.train
    model = build_model(name, digits.input_shape, digits.num_outputs, options=options)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(100):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss < 0.5
