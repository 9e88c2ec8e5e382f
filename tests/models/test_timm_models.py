"""Networks of timm under timm:NAME."""

import importlib.util
import sys

import pytest
import torch

from landscape.errors import UsageError
from landscape.models import build_model


def test_a_network_of_timm_takes_the_shape_of_the_data():
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed")
    model = build_model("timm:resnet10t", (1, 32, 32), 3)
    assert model(torch.zeros(2, 1, 32, 32)).shape == (2, 3)
    again = build_model("timm:resnet10t", (1, 32, 32), 3)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_a_name_that_timm_does_not_have():
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed")
    with pytest.raises(UsageError, match="Did you mean"):
        build_model("timm:resnet10tt", (1, 32, 32), 3)


def test_without_timm_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UsageError, match="pip install timm"):
        build_model("timm:resnet18", (1, 32, 32), 3)
