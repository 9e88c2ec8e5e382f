"""Changes of a network's parameters that leave its function as it is: which there are, and applying them."""

from landscape.symmetries.apply import permuted, rescaled
from landscape.symmetries.find_neurons import find_neurons
from landscape.symmetries.neurons import Neurons, NotUnderstoodError

__all__ = ["Neurons", "NotUnderstoodError", "find_neurons", "permuted", "rescaled"]
