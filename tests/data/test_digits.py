import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from landscape.data import load_dataset


@pytest.mark.parametrize("train_examples", [1300, 1000, 50])
def test_digits_are_the_defined_ones(train_examples):
    raw = load_digits()
    order = np.random.RandomState(0).permutation(1797)
    x, y = raw.data[order] / 16, raw.target[order]
    mean, std = x[:train_examples].mean(axis=0), x[:train_examples].std(axis=0)
    expected = ((x - mean) / np.where(std < 1e-3, 1, std)).reshape(-1, 1, 8, 8).astype(np.float32)

    digits = load_dataset("digits", train_examples=train_examples)

    assert digits.name == "digits"
    assert (digits.num_classes, digits.num_outputs, digits.input_shape) == (10, 10, (1, 8, 8))
    np.testing.assert_allclose(digits.train[0].numpy(), expected[:train_examples], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(digits.test[0].numpy(), expected[1300:], rtol=1e-6, atol=1e-7)
    assert digits.train[0].dtype == torch.float32
    assert digits.train[1].dtype == torch.int64
    assert digits.train[1].tolist() == y[:train_examples].tolist()
    assert digits.test[1].tolist() == y[1300:].tolist()


def test_all_digits_are_the_first_1300():
    all_of_them, first = load_dataset("digits"), load_dataset("digits", train_examples=1300)
    assert torch.equal(all_of_them.train[0], first.train[0])
    assert len(all_of_them.train[1]) == 1300
    assert len(all_of_them.test[1]) == 497


def test_pixels_that_are_always_empty_stay_zero():
    x = load_dataset("digits").train[0]
    assert torch.all(x[:, 0, 0, 0] == 0)
    assert torch.isfinite(x).all()


def test_a_balanced_choice_of_digits_on_request():
    digits = load_dataset("digits", train_examples=105, subset="balanced", seed=3)
    counts = digits.train[1].bincount()
    assert counts.min() == 10
    assert counts.max() == 11


def test_the_seed_does_not_change_digits():
    assert torch.equal(load_dataset("digits", seed=1).train[0], load_dataset("digits", seed=2).train[0])


def test_digits_and_own_networks_never_import_torchvision():
    script = """
import sys
from landscape.data import load_dataset
from landscape.models import build_model, check_outputs
digits = load_dataset("digits")
for name in ("mlp", "cnn", "resnet20", "resnet18", "vgg11", "vit"):
    options = {"width": 4} if name in ("resnet18", "vgg11") else {}
    check_outputs(build_model(name, digits.input_shape, digits.num_outputs, options=options), digits)
sys.exit(any(name.startswith("torchvision") for name in sys.modules))
"""
    subprocess.run([sys.executable, "-c", script], check=True)
