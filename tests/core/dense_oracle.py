"""The dense Hessian, row by row, by plain double backward in float64: the reference of every product."""

import copy

import torch
from torch import Tensor, nn


def dense_hessian(model: nn.Module, loss, x: Tensor, y: Tensor) -> Tensor:
    """Return the n x n Hessian of the mean loss over all examples at once, in the model's own mode."""
    model = copy.deepcopy(model).double()
    parameters = [each for each in model.parameters() if each.requires_grad]
    value = loss(model(x.double() if x.is_floating_point() else x), y.double() if y.is_floating_point() else y)
    gradient = torch.autograd.grad(value, parameters, create_graph=True)
    flat = torch.cat([each.reshape(-1) for each in gradient])
    rows = [torch.autograd.grad(each, parameters, retain_graph=True, materialize_grads=True) for each in flat]
    return torch.stack([torch.cat([each.reshape(-1) for each in row]) for row in rows])
