"""Layers that were made faster give what they gave before, and where they cannot, they stay as they were."""

import contextlib
import copy

import pytest
import torch
from torch import nn

from landscape.models import build_model
from landscape.surfaces.faster_layers import fold_batch_norm, keep_patches


class Skipping(nn.Module):
    """The convolution's output goes into the norm and past it too: the two must not become one."""

    def __init__(self, past):
        super().__init__()
        self.conv, self.norm, self.past = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), past

    def forward(self, x):
        out = self.conv(x)
        return (self.norm(out) + self.past * out).flatten(1)


def other_statistics(model):
    generator = torch.Generator().manual_seed(7)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
            nn.init.uniform_(module.weight, 0.5, 2, generator=generator)
            nn.init.uniform_(module.bias, -1, 1, generator=generator)
    return model.double().eval().requires_grad_(False)


def images(count=5, channels=3, size=8):
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(("name", "pairs"), [("resnet20", 19), ("cnn", 2)])
def test_folded_norms_give_the_same(name, pairs):
    options = {} if name == "resnet20" else {"norm": "batch"}
    plain = other_statistics(build_model(name, (3, 32, 32), 10, options=options))

    faster = copy.deepcopy(plain)
    x = images(size=32)
    before = {key: each.clone() for key, each in faster.state_dict().items()}
    assert fold_batch_norm(faster, x, contextlib.nullcontext) == pairs
    for key, each in faster.state_dict().items():
        assert torch.equal(each, before[key])
    # at other parameters and statistics than it was tried with
    for model in (plain, faster):
        for each in filter(torch.is_floating_point, [*model.parameters(), *model.buffers()]):
            each.mul_(1.125)
    torch.testing.assert_close(faster(x), plain(x), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(faster.train()(x), plain.train()(x), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("past", "folded"), [(1.0, 0), (0.0, 1)])
def test_an_output_that_is_read_elsewhere_stays(past, folded):
    model = Skipping(past).double().eval()  # its norm's scale is 1: as it is, nothing would be seen
    expected = model(images())
    assert fold_batch_norm(model, images(), contextlib.nullcontext) == folded
    torch.testing.assert_close(model(images()), expected, rtol=1e-11, atol=1e-11)
    assert ("forward" in vars(model.conv)) == bool(folded)


@pytest.mark.parametrize("conv", [
    nn.Conv2d(1, 4, 4, stride=2, padding=1), nn.Conv2d(2, 3, (3, 2), padding=(1, 0), dilation=2, bias=False),
])  # fmt: skip
def test_kept_patches_give_the_same_and_others_are_convolved(conv):
    conv = conv.double().requires_grad_(False)
    faster, x, other = copy.deepcopy(conv), images(channels=conv.in_channels), images(3, conv.in_channels, 9)
    assert keep_patches(faster, [x]) == 1
    for _ in range(2):
        for model in (conv, faster):
            model.weight.mul_(1.5)
        torch.testing.assert_close(faster(x), conv(x), rtol=1e-12, atol=1e-12)
    assert torch.equal(faster(other), conv(other))


def test_wide_convolutions_are_left_alone():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(2, 4, 1, groups=2), nn.Conv2d(1, 2, 3, padding_mode="circular"))
    assert keep_patches(model, [images()]) == 0
