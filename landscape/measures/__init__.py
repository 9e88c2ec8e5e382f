"""Measures of a minimum: one file each, registered; a new file in this folder is a new measure."""

from landscape.measures.measure import measure, measure_minimum
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.measurements import Measurements

__all__ = ["Measure", "Measurement", "Measurements", "measure", "measure_minimum"]
