"""Losses: functions of (outputs, targets) that return the mean over examples."""

from landscape.losses.accuracy import count_correct
from landscape.losses.cross_entropy import cross_entropy
from landscape.losses.squared import half_squared, mse

__all__ = ["count_correct", "cross_entropy", "half_squared", "mse"]
