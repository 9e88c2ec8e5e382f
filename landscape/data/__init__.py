"""Data sets: names to training and test tensors."""

from landscape.data.dataset import DataSet
from landscape.data.load import load_dataset

__all__ = ["DataSet", "load_dataset"]
