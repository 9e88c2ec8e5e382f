"""Scikit-learn's handwritten digits: real data that need no download."""

import numpy as np
import torch

from landscape.data.source import Place, Pool, Source
from landscape.registry import datasets

POOL = 1300
"""The first of the permuted 1797 examples are for training, the other 497 for testing."""


def load_digits(place: Place) -> Pool:
    """Return the 1797 images of 8x8 pixels of Alpaydin and Kaynak (1998), permuted by ``RandomState(0)``."""
    # Importing scikit-learn takes a second that --help and the other data sets need not spend.
    from sklearn.datasets import load_digits as load

    images, labels = load(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(labels))
    # float64: standardising is exact to the last bit of the float32 that comes out.
    x = torch.from_numpy(images[order] / 16).reshape(-1, 1, 8, 8)
    y = torch.from_numpy(labels[order]).long()
    return Pool((x[:POOL], y[:POOL]), (x[POOL:], y[POOL:]), 10, standardize=(0,), subset="first")


datasets.register("digits", "8x8 handwritten digits, 1300 + 497, embedded (no download)")(Source(load_digits))
