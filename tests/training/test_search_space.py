"""What a search draws for each optimizer: ranges that the optimizer takes, on the scale on which they act."""

import math

import pytest

from landscape.errors import UsageError
from landscape.registry import optimizers
from landscape.training.optimizer_definition import resolve_options
from landscape.training.search_range import SearchRange
from landscape.training.search_space import check_shared, drawn_options, registered_space, search_space

NAMES = [each.name for each in optimizers.entries() if "NAME" not in each.name]


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_takes_the_ends_and_the_middle_of_its_space(name):
    space = search_space(name, {}, {}, {})
    assert next(iter(space)) == "lr"
    assert all(each.has_sense for each in space.values())
    for share in (0.0, 0.5, 1.0):
        values = {key: each.at(share) for key, each in space.items()}
        for key, each in space.items():
            assert each.place(values[key]) == pytest.approx(share, abs=5e-3)
        options = drawn_options(name, values, {})
        resolved = resolve_options(name, values["lr"], options)
        assert {key: resolved[key] for key in options} == options


def test_the_scale_is_logarithmic_in_the_value_or_in_one_minus_it():
    assert SearchRange(1e-4, 1.0).at(0.5) == pytest.approx(1e-2)
    momentum = SearchRange(0.0, 0.99, complement=True)
    assert [momentum.at(share) for share in (0.0, 0.5, 1.0)] == [0.0, 0.9, 0.99]
    assert SearchRange(1e-3, 1e3).at(0.123) == float(f"{math.exp(math.log(1e-3) + 0.123 * math.log(1e6)):.3g}")


def test_a_base_is_searched_with_what_goes_around_it():
    assert set(registered_space("sam", {})) == {"rho", "lr", "momentum", "weight_decay"}
    around_adam = search_space("sam", {"base": "adam"}, {}, {})
    assert set(around_adam) == {"rho", "lr", "beta1", "beta2", "eps", "weight_decay"}
    options = drawn_options("sam", {"lr": 0.1, "rho": 0.2, "beta1": 0.8}, {"base": "adam"})
    assert options == {"rho": 0.2, "betas": (0.8, 0.999)}


def test_what_is_given_is_not_drawn():
    assert set(search_space("adam", {"betas": "0.9,0.95", "eps": 1e-8}, {}, {})) == {"lr", "weight_decay"}
    assert set(search_space("sgd", {"momentum": 0.9}, {}, {})) == {"lr", "weight_decay"}
    with pytest.raises(UsageError, match="Keep one"):
        search_space("adam", {"eps": 1e-8}, {"eps": "1e-9,1e-5"}, {})
    with pytest.raises(UsageError, match="Keep one"):
        search_space("adam", {"betas": "0.9,0.95"}, {"beta1": "0.5,0.9"}, {})


def test_ranges_of_ones_own():
    found = search_space("sgd", {}, {"lr": "1e-3,1e-1", "momentum": [0.5, 0.95]}, {"eps": "1e-9,1e-3"})
    assert found["lr"] == SearchRange(1e-3, 1e-1)
    assert found["momentum"] == SearchRange(0.5, 0.95, complement=True)
    assert "eps" not in found  # given for all optimizers, and this one has none
    unknown = search_space("torch:Adamax", {}, {"beta1": "0.5,0.99"}, {"lr": "1e-4,1e-2"})
    assert unknown == {"lr": SearchRange(1e-4, 1e-2), "beta1": SearchRange(0.5, 0.99, complement=True)}


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("sgd", {"lr": "1e-3"}, "two numbers, LOW,HIGH"),
        ("sgd", {"lr": "a,b"}, "two numbers"),
        ("sgd", {"lr": 0.1}, "two numbers"),
        ("sgd", {"lr": "0,1"}, "must be positive, and ascending"),
        ("sgd", {"lr": "1,0.1"}, "ascending"),
        ("sgd", {"lr": "nan,1"}, "ascending"),
        ("sgd", {"lr": "0.1,inf"}, "ascending"),
        ("sgd", {"momentum": "0.5,1"}, "from 0 to below 1"),
        ("torch:Adamax", {}, "No range is registered for the learning rate"),
    ],
)
def test_ranges_without_sense_are_refused(name, given, words):
    with pytest.raises(UsageError, match=words):
        search_space(name, {}, given, {})


def test_a_shared_range_that_nobody_has_is_refused():
    with pytest.raises(UsageError, match="Did you mean 'momentum'"):
        check_shared({"sgd": registered_space("sgd", {})}, {"momentun": "0.5,0.9"})
    with pytest.raises(UsageError, match="has no betas"):
        drawn_options("sgd", {"lr": 0.1, "beta1": 0.9}, {})
