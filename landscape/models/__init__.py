"""Networks: names to modules that fit the data."""

from landscape.models.build import build_model, check_outputs

__all__ = ["build_model", "check_outputs"]
