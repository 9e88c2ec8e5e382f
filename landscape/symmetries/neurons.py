"""The neurons of a network: how each parameter scales with them, and where each one's numbers stand."""

from dataclasses import dataclass

import numpy as np

SUPPORTED = (
    "Supported: linear and convolutional layers, ReLU and other functions of single numbers, pooling, BatchNorm in "
    "evaluation mode, LayerNorm, sums of branches, concatenation and reshaping."
)


class NotUnderstoodError(Exception):
    """A network does something of which the effect on its neurons' scales is not known here; says what."""


@dataclass(frozen=True)
class ParameterScales:
    r"""How one parameter changes with the scales of neurons: by $e^{z[\text{up}] - z[\text{down}]}$.

    Attributes:
        up: Label of the scale of the neuron that each element leads into, of a shape that broadcasts to the parameter.
        down: Label of the scale of the neuron that each element comes from, likewise.
    """

    up: np.ndarray
    down: np.ndarray


@dataclass(frozen=True)
class Place:
    """An axis of a parameter (by index) or buffer (by name) along which neurons lie, with the label of each."""

    parameter: int | None
    buffer: str
    axis: int
    labels: np.ndarray


@dataclass(frozen=True)
class NormalizedLayer:
    """A linear or convolutional layer right before a BatchNorm that has it for itself.

    Attributes:
        weight: Index of the layer's weight.
        bias: Of its bias; None where it has none.
        batch_norm: Name of the BatchNorm module.
    """

    weight: int
    bias: int | None
    batch_norm: str


@dataclass(frozen=True)
class Neurons:
    """What was found out about a network.

    Attributes:
        count: Number of labels of scales; label 0 is a scale that stays 1.
        scales: For each parameter, by index, how it scales.
        groups: Labels of scales that are free, a group for each layer that makes them, in order.
        outputs: Labels of the scales of the network's outputs; empty where they cannot be scaled.
        places: Where neurons lie, for permutations.
        interchangeable: Groups of labels of neurons, in order; those of one group may be permuted.
        normalized: Layers whose scale a BatchNorm takes out.
        fixed: Names of functions that are not positively homogeneous, and so fix the scales of what they act on.
    """

    count: int
    scales: dict[int, ParameterScales]
    groups: tuple[np.ndarray, ...]
    outputs: np.ndarray
    places: tuple[Place, ...]
    interchangeable: tuple[np.ndarray, ...]
    normalized: tuple[NormalizedLayer, ...]
    fixed: tuple[str, ...]

    @property
    def free(self) -> int:
        """How many neurons can be rescaled."""
        return sum(len(each) for each in self.groups)
