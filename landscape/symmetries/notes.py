"""What is noted about a network's neurons while they are followed through the forward pass."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from landscape.symmetries.disjoint_sets import DisjointSets
from landscape.symmetries.labels import EMPTY, Labels
from landscape.symmetries.neurons import SUPPORTED, NormalizedLayer, NotUnderstoodError, ParameterScales, Place


class Notes:
    """Labels that are made and joined, and how parameters scale with them.

    Args:
        names: Of the parameters, for messages.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.scale_sets, self.neuron_sets = DisjointSets(), DisjointSets()
        self.scales: dict[int, ParameterScales] = {}
        self.made: list[np.ndarray] = []
        self.places: list[Place] = []
        self.normalized: list[NormalizedLayer] = []
        self.fixed: list[str] = []
        self.produced: dict[int, tuple[int, int | None]] = {}
        self.consumed: dict[int, int] = {}

    def fix(self, scales: np.ndarray, neurons: np.ndarray | None = None) -> None:
        """Hold the scales of some labels at 1, and some neurons where they are."""
        for sets, labels in ((self.scale_sets, scales), (self.neuron_sets, neurons)):
            if labels is not None:
                kept = labels[labels != EMPTY]
                sets.join(kept, np.zeros_like(kept))

    def constant(self, like: Tensor) -> Labels:
        """Return labels of an activation that scales with nothing."""
        return Labels(*(torch.zeros(like.shape, dtype=torch.long) for _ in range(2)))

    def weighted(
        self,
        weight: Tensor,
        at: int,
        at_bias: int | None,
        inputs: tuple[np.ndarray, np.ndarray],
        groups: int,
        name: str,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Note a layer that makes new neurons of sums over others; return the labels of scales and neurons."""
        outputs, rest = weight.shape[0], [1] * (weight.ndim - 2)
        scales, neurons = self._new_scales(outputs), self.neuron_sets.new(outputs)
        down = np.where(inputs[0] == EMPTY, 0, inputs[0])
        rows = np.repeat(down.reshape(groups, -1), outputs // groups, axis=0) if groups > 1 else down[None]
        self._note(at, ParameterScales(scales.reshape(-1, 1, *rest), rows.reshape(*rows.shape, *rest)), name)
        self.places.append(Place(at, "", 0, neurons))
        if groups == 1:
            self.places.append(Place(at, "", 1, inputs[1]))
        else:
            # a permutation would have to keep groups together
            self.fix(np.zeros(0, int), inputs[1])
            self.fix(np.zeros(0, int), neurons)
        if at_bias is not None:
            self._note(at_bias, ParameterScales(scales, np.zeros(1, int)), name)
            self.places.append(Place(at_bias, "", 0, neurons))
        return scales, neurons

    def affine(
        self, weight: int | None, bias: int | None, scales: np.ndarray, neurons: np.ndarray, batch_norm: str
    ) -> np.ndarray:
        """Note a normalisation, whose weight and bias carry the scales of what it gives; return their labels."""
        self.fix(scales)
        for buffer in ("running_mean", "running_var") if batch_norm else ():
            self.places.append(Place(None, f"{batch_norm}.{buffer}", 0, neurons))
        trained = [each for each in (weight, bias) if each is not None and each >= 0]
        free = weight is not None and weight >= 0 and bias != -1
        out = self._new_scales(len(scales)) if free else np.zeros(len(scales), int)
        for each in trained:
            self._note(each, ParameterScales(out, np.zeros(1, int)), "normalisation")
            self.places.append(Place(each, "", 0, neurons))
        if not batch_norm and not trained:
            return out
        if -1 in (weight, bias):
            # frozen numbers of single neurons stay in their order
            self.fix(np.zeros(0, int), neurons)
        return out

    def embedded(self, weight: Tensor, at: int) -> tuple[np.ndarray, np.ndarray]:
        """Note a table of vectors."""
        scales, neurons = self._new_scales(weight.shape[1]), self.neuron_sets.new(weight.shape[1])
        self._note(at, ParameterScales(scales[None], np.zeros((1, 1), int)), "embedding")
        self.places.append(Place(at, "", 1, neurons))
        return scales, neurons

    def added(self, first: Labels, second: Labels, like: Tensor) -> Labels:
        """Return the labels of a sum: its terms must scale together."""
        parts = []
        for sets, key in ((self.scale_sets, "scale"), (self.neuron_sets, "neuron")):
            a, b = (getattr(each, key).expand(like.shape) for each in (first, second))
            both = (a != EMPTY) & (b != EMPTY)
            sets.join(a[both].numpy(), b[both].numpy())
            parts.append(torch.where(a == EMPTY, b, a))
        return Labels(*parts)

    def found_normalized(self, activation: int, batch_norm: str) -> None:
        """Note that an activation goes to a BatchNorm and nowhere else."""
        if activation in self.produced:
            weight, bias = self.produced[activation]
            self.normalized.append(NormalizedLayer(weight, bias, batch_norm))

    def misused(self, index: int, function: str) -> str:
        """Return that a parameter is used by something not known."""
        return f"parameter {self.names[index]} is used by {function}, which is not understood. {SUPPORTED}"

    def _new_scales(self, count: int) -> np.ndarray:
        self.made.append(self.scale_sets.new(count))
        return self.made[-1]

    def _note(self, index: int, scales: ParameterScales, function: str) -> None:
        if index in self.scales:
            raise NotUnderstoodError(
                f"parameter {self.names[index]} is used more than once, the second time by {function}. {SUPPORTED}"
            )
        self.scales[index] = scales
