import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landscape.data import load_dataset
from landscape.data.label_noise import add_label_noise
from landscape.errors import UsageError


@given(count=st.integers(1, 200), fraction=st.floats(0, 1), num_classes=st.integers(2, 12), seed=st.integers(0, 2**31))
def test_exactly_that_many_labels_are_wrong(count, fraction, num_classes, seed):
    y = torch.arange(count) % num_classes
    noisy = add_label_noise(y, fraction, num_classes, seed)
    assert int((noisy != y).sum()) == round(fraction * count)
    assert noisy.min() >= 0
    assert noisy.max() < num_classes
    assert torch.equal(y, torch.arange(count) % num_classes)
    assert torch.equal(noisy, add_label_noise(y, fraction, num_classes, seed))


def test_wrong_labels_are_equally_likely_among_the_others():
    y = torch.full((40_000,), 2)
    counts = add_label_noise(y, 1.0, 5, seed=0).bincount(minlength=5).double()
    assert counts[2] == 0
    others = counts[[0, 1, 3, 4]]
    assert ((others - 10_000).abs() < 4 * math.sqrt(10_000)).all()


def test_noise_depends_on_the_seed_and_hits_training_labels_only():
    clean, one, two = (
        load_dataset("digits", label_noise=noise, seed=seed) for noise, seed in ((0, 1), (0.2, 1), (0.2, 2))
    )
    assert int((clean.train[1] != one.train[1]).sum()) == 260
    assert int((clean.train[1] != two.train[1]).sum()) == 260
    assert not torch.equal(one.train[1], two.train[1])
    assert torch.equal(clean.test[1], one.test[1])
    assert torch.equal(clean.train[0], one.train[0])


@pytest.mark.parametrize("fraction", [-0.1, 1.01, math.nan, math.inf])
def test_fractions_outside_zero_to_one(fraction):
    with pytest.raises(UsageError, match="from 0 to 1"):
        load_dataset("digits", label_noise=fraction)


def test_regression_has_no_labels_to_spoil():
    with pytest.raises(UsageError, match="no two classes"):
        load_dataset("synthetic-regression", label_noise=0.1)
