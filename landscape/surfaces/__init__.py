"""Slices of the loss around a minimum."""

from landscape.surfaces.plane import Surface, loss_surface

__all__ = ["Surface", "loss_surface"]
