"""The dense Gauss-Newton and Fisher matrices, from a Jacobian row by row in float64."""

import copy

import torch
from torch import Tensor, nn


def dense_jacobian(model: nn.Module, x: Tensor) -> Tensor:
    """Return d outputs / d theta, shape (N, outputs, n)."""
    model = copy.deepcopy(model).double()
    parameters = [each for each in model.parameters() if each.requires_grad]
    outputs = model(x.double() if x.is_floating_point() else x)
    rows = [torch.autograd.grad(each, parameters, retain_graph=True) for each in outputs.reshape(-1)]
    flat = torch.stack([torch.cat([each.reshape(-1) for each in row]) for row in rows])
    return flat.view(*outputs.shape, -1)


def dense_sandwich(jacobian: Tensor, matrices: Tensor) -> Tensor:
    """Return the mean over examples of J' A J; matrices have shape (N, outputs, outputs)."""
    return torch.einsum("nki,nkl,nlj->ij", jacobian, matrices, jacobian) / len(jacobian)


def softmax_matrices(outputs: Tensor) -> Tensor:
    """Return diag p - pp' for every row."""
    p = outputs.detach().double().softmax(1)
    return torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
