"""Which rescalings and permutations of its neurons leave a network's function as it is."""

import torch
from torch import Tensor

from landscape.batches import spread_rows
from landscape.problem import Problem
from landscape.symmetries.follow_neurons import FollowNeurons
from landscape.symmetries.gather import gathered
from landscape.symmetries.neurons import Neurons, NotUnderstoodError
from landscape.symmetries.refusals import attention_in, unknown


def find_neurons(problem: Problem, theta: Tensor | None = None) -> Neurons:
    r"""Return the neurons of a problem's network, and how each parameter scales with them.

    Multiplying what leads into a neuron by $s > 0$ and dividing what leads out of it by s leaves the function as it is
    where what lies between is positively homogeneous: ReLU, pooling. Sums of branches tie the scales of their
    neurons; BatchNorm in evaluation mode gives its outputs scales of their own, carried by its weight and bias; any
    other function of single numbers (tanh) holds its neurons' scales at 1. Recognised from what the forward pass of
    two examples calls.

    Args:
        problem: Whose network.
        theta: The point, shape ``(n,)``; the model's own parameters by default. It makes no difference to the result.

    Raises:
        NotUnderstoodError: If the network does what is not known here, such as attention; says what.

    Cost:
        A forward pass of two examples.

    References:
        Neyshabur, Salakhutdinov, Srebro 2015, "Path-SGD", section 3: rescalings of single neurons.
    """
    theta = (problem.theta if theta is None else theta).detach()
    leaves = [each.clone() for each in problem.unflatten(theta)]
    batch = spread_rows(next(problem.batches())[0], 2)
    follower = FollowNeurons(leaves, problem.parameter_names)
    try:
        with torch.no_grad(), follower.batch_norms(problem.model), follower:
            outputs = problem.batch_outputs(leaves, batch)
    except NotUnderstoodError as error:
        attention = attention_in(problem, leaves, batch)
        if attention:
            raise NotUnderstoodError(unknown(attention)) from error
        raise
    return gathered(follower.notes, follower.labels_of(outputs))
