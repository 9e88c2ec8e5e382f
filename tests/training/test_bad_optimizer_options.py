"""Every option of every optimizer, out of its range or of another kind, is refused in one sentence that names it."""

import inspect
import math

import pytest

from landscape.errors import UsageError
from landscape.registry import optimizers
from landscape.training import TrainingConfig
from landscape.training.optimizer_definition import optimizer_definition
from landscape.training.optimizer_options import option_names

NAMES = [each.name for each in optimizers.entries() if "NAME" not in each.name]
ONES_OWN = {"base"}
"""Names of something registered, which the registry answers for."""


def options_of(name):
    definition = optimizer_definition(name)
    return [each for each in definition.options or option_names(definition.build) if each not in ONES_OWN]


def default(name, option):
    return inspect.signature(optimizer_definition(name).build).parameters[option].default


def bad_values(name, option):
    """Values that make no sense, with a word that the message must have."""
    definition, usual = optimizer_definition(name), default(name, option)
    if isinstance(usual, bool):
        return [("maybe", "true or false"), ("2", "true or false")]
    if option in definition.choices:
        return [("nothing_known", "must be")]
    low, high = definition.ranges[option]
    bad = [low - 1, *([high, high + 1] if math.isfinite(high) else [])]
    found = [(str(each), "must be at least") for each in bad] + [("x", "number"), ("nan", "number"), ("inf", "number")]
    if isinstance(low, int):
        found.append((str(low + 0.5), "whole number"))
    if isinstance(usual, tuple):
        pairs = [(f"{value},{usual[1]}", word) for value, word in found] + [(f"{usual[0]},{v}", w) for v, w in found]
        return [*pairs, ("0.9", "2 numbers"), ("0.9,0.9,0.9", "2 numbers")]
    return found


CASES = [
    (name, option, value, word)
    for name in NAMES
    for option in options_of(name)
    for value, word in bad_values(name, option)
]


def test_all_sixteen_optimizers_and_every_option_are_here():
    assert len(NAMES) == 16
    for name in NAMES:
        tried = {option for each, option, *_ in CASES if each == name}
        assert tried == set(options_of(name))


@pytest.mark.parametrize(("name", "option", "value", "word"), CASES)
def test_an_option_out_of_its_range_is_one_sentence(name, option, value, word):
    with pytest.raises(UsageError) as caught:
        TrainingConfig(name, 0.01, {option: value}, batch_size=None, epochs=1)
    message = str(caught.value)
    assert message.startswith(f"{option} of ")
    assert name in message
    assert word in message
    assert "; it is " in message
    assert message.rstrip(".").count(". ") == 0
    assert "raised" not in message  # nothing ran into it: it was looked at before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lr", [0, -0.1, math.nan, math.inf, "fast", None])
def test_the_learning_rate_too(name, lr):
    with pytest.raises(UsageError, match=r"^lr must be"):
        TrainingConfig(name, lr, batch_size=None, epochs=1)


@pytest.mark.parametrize("name", NAMES)
def test_an_option_that_it_does_not_have(name):
    with pytest.raises(UsageError, match="has no option 'momentun'"):
        TrainingConfig(name, 0.01, {"momentun": 0.9}, batch_size=None, epochs=1)


@pytest.mark.parametrize("name", ["sam", "asam"])
def test_the_options_of_a_base_are_those_of_the_base(name):
    for base, option, value in (("adam", "betas", "1,0.9"), ("sgd", "momentum", "1"), ("adamw", "eps", "-1")):
        with pytest.raises(UsageError, match=f"^{option} of '{base}' must be at least"):
            TrainingConfig(name, 0.01, {"base": base, option: value}, epochs=1)
    for base in ("lbfgs", "sam", "asam"):
        with pytest.raises(UsageError, match="one gradient a step"):
            TrainingConfig(name, 0.01, {"base": base}, epochs=1)
    with pytest.raises(UsageError, match="Did you mean 'adam'"):
        TrainingConfig(name, 0.01, {"base": "adan"}, epochs=1)


def test_nesterov_without_momentum_says_why():
    with pytest.raises(UsageError, match="Nesterov momentum requires a momentum"):
        TrainingConfig("sgd", 0.01, {"nesterov": "true", "momentum": 0}, epochs=1)


def test_lbfgs_takes_the_full_batch_only():
    with pytest.raises(UsageError, match="--batch-size full"):
        TrainingConfig("lbfgs", 0.01, batch_size=64, epochs=1)
