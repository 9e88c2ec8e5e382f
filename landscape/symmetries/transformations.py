"""Transformations of a network that leave its function, or its decisions, as they were."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from landscape.problem import Problem
from landscape.randomness import derive_seed
from landscape.symmetries.apply import normalized_layer_rescaled, permuted, rescaled
from landscape.symmetries.neurons import Neurons

Apply = Callable[[Problem, Tensor, Neurons, int], "tuple[Problem, Tensor] | str"]
"""(problem, theta, neurons, seed) to the problem and point afterwards, or why it cannot be done here."""


@dataclass(frozen=True)
class Transformation:
    """One thing that is done to a network.

    Attributes:
        key: Its name in files.
        kind: What measures call it that say they do not see it.
        label: Its name in tables.
        apply: Does it.
        scale: What it multiplies the outputs by.
    """

    key: str
    kind: str
    label: str
    apply: Apply
    scale: float = 1.0


def _layer(factor: float) -> Apply:
    def apply(problem: Problem, theta: Tensor, neurons: Neurons, seed: int) -> tuple[Problem, Tensor] | str:
        if not neurons.groups:
            return _no_free(neurons)
        z = np.zeros(neurons.count)
        z[neurons.groups[0]] = math.log(factor)
        return problem, rescaled(problem, theta, neurons, z)

    return apply


def _neurons(spread: float) -> Apply:
    def apply(problem: Problem, theta: Tensor, neurons: Neurons, seed: int) -> tuple[Problem, Tensor] | str:
        if not neurons.groups:
            return _no_free(neurons)
        z, free = np.zeros(neurons.count), np.concatenate(neurons.groups)
        # the same draw for every spread
        z[free] = spread * np.random.default_rng(derive_seed(seed, "neuron rescaling")).normal(size=len(free))
        return problem, rescaled(problem, theta, neurons, z)

    return apply


def _batch_norm(factor: float) -> Apply:
    def apply(problem: Problem, theta: Tensor, neurons: Neurons, seed: int) -> tuple[Problem, Tensor] | str:
        if not neurons.normalized:
            return "no layer is followed by a BatchNorm alone"
        for layer in neurons.normalized:
            problem, theta = normalized_layer_rescaled(problem, theta, layer, factor)
        return problem, theta

    return apply


def _permutation(problem: Problem, theta: Tensor, neurons: Neurons, seed: int) -> tuple[Problem, Tensor] | str:
    if not neurons.interchangeable:
        return "no two neurons can be interchanged"
    return permuted(problem, theta, neurons, derive_seed(seed, "neuron permutation"))


def _logits(factor: float) -> Apply:
    def apply(problem: Problem, theta: Tensor, neurons: Neurons, seed: int) -> tuple[Problem, Tensor] | str:
        if not len(neurons.outputs):
            return "the outputs have no scale of their own"
        z = np.zeros(neurons.count)
        z[neurons.outputs] = math.log(factor)
        return problem, rescaled(problem, theta, neurons, z)

    return apply


def _no_free(neurons: Neurons) -> str:
    held = f": {', '.join(neurons.fixed)} is not positively homogeneous" if neurons.fixed else ""
    return f"no neuron can be rescaled{held}"


TRANSFORMATIONS = (
    Transformation("layer_2", "layer_rescaling", "layer ×2", _layer(2.0)),
    Transformation("layer_10", "layer_rescaling", "layer ×10", _layer(10.0)),
    Transformation("neurons_0.5", "neuron_rescaling", "neurons s=0.5", _neurons(0.5)),
    Transformation("neurons_1", "neuron_rescaling", "neurons s=1", _neurons(1.0)),
    Transformation("batch_norm_2", "batch_norm_scaling", "BatchNorm ×2", _batch_norm(2.0)),
    Transformation("permutation", "neuron_permutation", "permuted", _permutation),
    Transformation("logits_2", "logit_scaling", "logits ×2", _logits(2.0), 2.0),
)
"""Layer: the first hidden one multiplied, what follows divided (Dinh et al. 2017, "Sharp minima can generalize for
deep nets", section 5). Neurons: each by a log-normal number. BatchNorm: all layers before one, with its statistics.
Logits: the outputs multiplied, so that decisions stay and the loss does not."""
