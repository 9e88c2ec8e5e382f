import pytest
import torch

from landscape.errors import UsageError
from landscape.models import build_model


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28)], ids=["colour", "grey"])
def test_shapes(shape):
    model = build_model("torchvision:mobilenet_v3_small", shape, 7, seed=1)
    assert model.eval()(torch.randn(2, *shape)).shape == (2, 7)


def test_fresh_weights_of_the_seed():
    one, same, other = (build_model("torchvision:squeezenet1_1", (1, 32, 32), 7, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(p, q) for p, q in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(next(one.parameters()), next(other.parameters()))


def test_only_the_first_convolution_is_made_for_grey_images():
    grey, colour = (build_model("torchvision:resnet18", (channels, 32, 32), 10) for channels in (1, 3))
    different = [
        name for (name, p), q in zip(grey.named_parameters(), colour.parameters(), strict=True) if p.shape != q.shape
    ]
    assert different == ["conv1.weight"]
    assert grey.conv1.stride == colour.conv1.stride


def test_transformers_take_the_size_of_the_images():
    with torch.device("meta"):
        model = build_model("torchvision:vit_b_16", (3, 32, 32), 10, options={"dropout": "0.1"})
        assert model(torch.randn(2, 3, 32, 32)).shape == (2, 10)
        assert build_model("torchvision:vit_b_16", (3, 32, 32), 10, options={"image_size": 64}).image_size == 64


def test_training_mode_returns_one_tensor():
    model = build_model("torchvision:googlenet", (3, 32, 32), 10)
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 10)


def test_unknown_names_and_options():
    with pytest.raises(UsageError, match=r"no classification model 'resnet17'. Did you mean 'resnet1"):
        build_model("torchvision:resnet17", (3, 32, 32), 10)
    with pytest.raises(UsageError, match=r"torchvision:resnet18 raised TypeError.*'depth'"):
        build_model("torchvision:resnet18", (3, 32, 32), 10, options={"depth": 3})
