"""Coordinate-free measures and baselines of a two-layer network from dense matrices: what they are tested against."""

import numpy as np
import torch
from dense_gauss_newton import dense_jacobian, dense_sandwich, softmax_matrices
from torch.nn import functional as F


def pieces(minimum):
    """Return W1, b1, W2, b2."""
    return minimum.problem.unflatten(minimum.theta)


def whole(minimum):
    """Return all examples as one batch."""
    batches = [batch for batch, _ in minimum.problem.batches()]
    return torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])


def gauss_newton(minimum):
    model, (x, _) = minimum.problem.model, whole(minimum)
    return dense_sandwich(dense_jacobian(model, x), softmax_matrices(model(x)))


def fisher_rao(minimum, H):
    return minimum.theta @ gauss_newton(minimum) @ minimum.theta


def adaptive_trace(minimum, H):
    return (minimum.theta.square() * H.diag()).sum()


def adaptive_top_eigenvalue(minimum, H):
    size = minimum.theta.abs()
    return torch.linalg.eigvalsh(size[:, None] * H * size)[-1]


def relative_flatness(minimum, H, layer=1):
    """Sum over pairs of neurons, written out."""
    W = pieces(minimum)[2 * layer]
    start = sum(minimum.problem.sizes[: 2 * layer])
    total = 0.0
    for s in range(len(W)):
        for t in range(len(W)):
            rows, columns = (slice(start + i * W.shape[1], start + (i + 1) * W.shape[1]) for i in (s, t))
            total += (W[s] @ W[t]) * H[rows, columns].trace()
    return total


def orbit_minimum_trace(minimum, H):
    """The closed form of one hidden layer where its activation is ReLU; elsewhere no scale is free."""
    parts = minimum.problem.unflatten(gauss_newton(minimum).diag())
    if not any(isinstance(each, torch.nn.ReLU) for each in minimum.problem.model):
        return sum(each.sum() for each in parts)
    into, out = parts[0].sum(1) + parts[1], parts[2].sum(0)
    return 2 * (into * out).sqrt().sum() + parts[3].sum()


def orbit_excess(minimum, H):
    return gauss_newton(minimum).trace() / orbit_minimum_trace(minimum, H)


def path_norm(minimum, H):
    """Every path one by one."""
    W1, b1, W2, b2 = (each.square().numpy() for each in pieces(minimum))
    total = b2.sum()
    for k in range(len(W2)):
        for j in range(len(W1)):
            total += W2[k, j] * b1[j] + sum(W2[k, j] * W1[j, i] for i in range(W1.shape[1]))
    return np.sqrt(total)


def spectral_norm_product(minimum, H):
    return np.prod([np.linalg.svd(pieces(minimum)[index].numpy(), compute_uv=False)[0] for index in (0, 2)])


def margin(minimum, H):
    x, y = whole(minimum)
    f = minimum.problem.model(x).detach().numpy()
    margins = [row[label] - max(np.delete(row, label)) for row, label in zip(f, y.tolist(), strict=True)]
    return np.percentile(margins, 10)


def train_loss(minimum, H):
    x, y = whole(minimum)
    return F.cross_entropy(minimum.problem.model(x), y).detach()


GEOMETRY = {
    "fisher_rao": fisher_rao,
    "adaptive_trace": adaptive_trace,
    "adaptive_top_eigenvalue": adaptive_top_eigenvalue,
    "relative_flatness": relative_flatness,
    "orbit_minimum_trace": orbit_minimum_trace,
    "orbit_excess": orbit_excess,
    "weight_norm": lambda minimum, H: minimum.theta.square().sum().sqrt(),
    "distance_from_initialization": lambda minimum, H: (minimum.theta - minimum.initial).norm(),
    "path_norm": path_norm,
    "spectral_norm_product": spectral_norm_product,
    "margin": margin,
    "train_loss": train_loss,
    "learning_rate": lambda minimum, H: minimum.provenance["learning_rate"],
}
"""(minimum, dense Hessian) to the value of a measure, by its name."""
