"""Kinks are found in what is computed, not in what modules there are."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import landscape
from landscape.diagonal import has_kinks


class Applied(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 3)
        self.function = function

    def forward(self, x):
        return self.second(self.function(self.first(x)))


KINKED = [nn.ReLU(inplace=True), F.relu, nn.PReLU(), F.leaky_relu, nn.Hardtanh(), nn.ReLU6(), lambda h: h.clamp(min=0)]
KINKED += [lambda h: F.max_pool1d(h, 3, 1, 1), torch.abs]
SMOOTH = [F.gelu, torch.tanh, nn.Softplus(), nn.Identity(), nn.LayerNorm(6)]


@pytest.mark.parametrize(("function", "kinked"), [(each, True) for each in KINKED] + [(each, False) for each in SMOOTH])
def test_kinks_of_functions_and_modules(function, kinked):
    assert has_kinks(Applied(function)(torch.randn(2, 4))) is kinked


@pytest.mark.parametrize(("function", "kinked"), [(F.relu, True), (torch.tanh, False)])
def test_measures_that_see_kinks_beside_some_that_do_not(function, kinked):
    torch.manual_seed(0)
    data = torch.randn(20, 4), torch.randint(3, (20,))
    names = ["top_eigenvalue", "average_sharpness"]
    result = landscape.measure(Applied(function), "cross_entropy", data, names)
    assert any("has kinks" in each for each in result.warnings) is kinked
    alone = landscape.measure(Applied(function), "cross_entropy", data, names[:1])
    assert not any("has kinks" in each for each in alone.warnings)


def test_what_costs_nothing_more_says_so():
    data = torch.randn(20, 4), torch.randint(3, (20,))
    text = repr(landscape.measure(Applied(F.relu), "cross_entropy", data, ["trace", "adaptive_trace", "weight_norm"]))
    costs = {line.split()[0]: " ".join(line.split()[3:]) for line in text.splitlines()[1:4]}
    assert "passes" in costs["trace"]
    assert "nothing more" in costs["adaptive_trace"]
