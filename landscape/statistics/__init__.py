"""Generalization gap, rank correlations, paired ratios, intervals over seeds, and the verdict; never torch."""
