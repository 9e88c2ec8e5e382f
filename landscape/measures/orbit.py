"""The rescalings of a minimum's neurons, and the least trace of Gauss-Newton among them."""

from dataclasses import dataclass

import numpy as np
import torch

from landscape.errors import ProblemError
from landscape.measures.shared_diagonal import shared_squares
from landscape.minimum import Minimum
from landscape.solvers.matrix_balancing import Balanced, balance
from landscape.symmetries import Neurons, NotUnderstoodError, find_neurons


@dataclass(frozen=True)
class Orbit:
    """The rescalings of a minimum's neurons and the trace of Gauss-Newton over them.

    Attributes:
        trace: At this point, without weight decay.
        balanced: The least, with its certificate.
        neurons: What can be rescaled.
        passes: Backward passes that it cost.
    """

    trace: float
    balanced: Balanced
    neurons: Neurons
    passes: int

    @property
    def reason(self) -> str:
        """How it was had."""
        if not self.neurons.free:
            held = f" ({', '.join(self.neurons.fixed)} is not positively homogeneous)" if self.neurons.fixed else ""
            return f"no rescaling leaves this network's function as it is{held}: the orbit is the point itself"
        limit = "" if self.balanced.attained else "; some terms vanish only in the limit"
        return f"minimised over the scales of {self.neurons.free} neurons, certified by the duality gap{limit}"


def orbit_of(minimum: Minimum, rtol: float) -> Orbit | str:
    """Return the orbit of a minimum with a duality gap of at most ``rtol`` of its least trace, or why there is none."""
    try:
        neurons = minimum.shared(("neurons",), lambda: find_neurons(minimum.problem, minimum.theta)).value
        squares, fresh = shared_squares(minimum)
        # a penalty on the weights is no part of the function
        diagonal = squares.diagonal - minimum.problem.weight_decay
        balanced = minimum.shared(
            ("balanced scales of neurons", rtol),
            lambda: balance(*terms(minimum, neurons, diagonal), neurons.count, rtol=rtol),
        ).value
    except (NotUnderstoodError, ProblemError) as error:
        return str(error)
    return Orbit(float(diagonal.sum()), balanced, neurons, squares.passes * fresh)


def terms(minimum: Minimum, neurons: Neurons, diagonal: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Return the labels p and q and the sum of $G_{ii}$ of each pair of neurons that parameters lead between.

    Args:
        minimum: Whose parameters.
        neurons: As `find_neurons` gives them; scales of outputs become label 0, the scale that stays.
        diagonal: G_ii, shape ``(n,)``.
    """
    held = np.isin(np.arange(neurons.count), neurons.outputs)
    rows: list[np.ndarray] = []
    columns: list[np.ndarray] = []
    values: list[np.ndarray] = []
    sizes = minimum.problem.sizes
    for index, piece in enumerate(torch.split(diagonal.cpu(), sizes)):
        own = neurons.scales.get(index)
        up, down = (np.zeros(1, int),) * 2 if own is None else (own.up, own.down)
        ends = np.broadcast_arrays(up, down)
        summed = _summed(piece.view(minimum.problem.shapes[index]), ends[0].shape)
        for labels, into in zip(ends, (rows, columns), strict=True):
            into.append(np.where(held[labels], 0, labels).ravel())
        values.append(summed.ravel())
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)


def _summed(piece: torch.Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """Return a parameter's elements summed over the axes along which its labels do not change."""
    if len(shape) != piece.ndim:
        return piece.sum().reshape(1).numpy()
    axes = [axis for axis, size in enumerate(shape) if size == 1 and piece.shape[axis] != 1]
    return (piece.sum(axes, keepdim=True) if axes else piece).numpy()
