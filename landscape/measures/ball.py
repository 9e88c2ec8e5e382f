"""Balls around a point: where a linear function is largest, and random points on the surface."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Norm = Literal["l2", "linf"]


@dataclass(frozen=True)
class Ball:
    r"""$\{\delta : |\delta / t| \leq \rho\}$, element by element divided.

    Attributes:
        norm: ``"l2"`` or ``"linf"``.
        radius: $\rho$.
        scale: t, shape ``(n,)``, float64: ones, or $|\theta|$ (adaptive), where zeros keep a coordinate still.
    """

    norm: Norm
    radius: float
    scale: Tensor

    def farthest(self, gradient: Tensor) -> Tensor:
        """Return the point of the ball furthest along a gradient, shape ``(n,)``, float64; zero where that is zero."""
        g = self.scale * gradient.double()
        if self.norm == "linf":
            return self.radius * self.scale * g.sign()
        size = float(g.norm())
        return self.radius * self.scale * g / size if size else torch.zeros_like(g)

    def longest(self, gradient: Tensor) -> float:
        """Return how much a linear function of this gradient rises at most within the ball."""
        return float(torch.dot(self.farthest(gradient), gradient.double()))

    def random(self, seed: int) -> Tensor:
        """Return a random point of the surface, shape ``(n,)``, float64, drawn on the CPU."""
        g = torch.randn(len(self.scale), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        g = g.to(self.scale.device)
        direction = g.sign() if self.norm == "linf" else g / g.norm()
        return self.radius * self.scale * direction
