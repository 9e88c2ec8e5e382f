"""Relative flatness of one layer."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from landscape.batches import spread_rows
from landscape.errors import UsageError, suggest
from landscape.measures.exact import exact
from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import Minimum
from landscape.operators.combinations import Restricted
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.problem import Problem
from landscape.registry import measures
from landscape.solvers import hutchinson

_BLIND_SPOT = (
    "One layer only: rescaling the neurons before it moves the number and leaves the function as it is; and it follows "
    "the scale of the logits."
)
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def relative_flatness(
    minimum: Minimum, *, seed: int = 0, layer: str = "", rtol: float = 0.05, max_matvecs: int = 1000
) -> Measurement:
    r"""Return $\kappa = \sum_{s,s'} \langle w_s, w_{s'}\rangle \operatorname{tr} H_{ss'}$ of one layer.

    $w_s$ are the weights into neuron s of the layer and $H_{ss'}$ the Hessian by $w_s$ and $w_{s'}$. With the layer's
    inputs $x_n$ and the Hessian $D_n$ of example n's loss by the layer's outputs, for a linear layer
    $H_{ss'} = \frac1N\sum_n (D_n)_{ss'}\, x_n x_n^\top$, so that

    $$\kappa = \frac1N \sum_n |x_n|^2 \operatorname{tr}(W^\top D_n W),$$

    which is had exactly. For convolutions, and linear layers over tokens, it is the trace of the layer's block of H
    between two factors $(WW^\top)^{1/2}$, by random probes.

    Args:
        minimum: What to measure.
        seed: Of the probes, where there are any.
        layer: Name of the layer, as ``named_modules()`` gives it; the last linear or convolutional one by default,
            from the last hidden features to the outputs, which is the paper's feature layer.
        rtol: Tolerance of the standard error, relative to the value, where there are probes.
        max_matvecs: Most products.

    Raises:
        UsageError: If there is no such layer.

    Cost:
        Exact: a gradient by the layer's outputs and as many products through what follows it as the rank of W; else
        16 to some hundred products.

    Invariances:
        Rescaling of the layer against the layers after it. Not rescaling of single neurons, before or of the layer;
        biases do not enter. Weight decay is left out.

    References:
        Petzka, Kamp, Adilova, Sminchisescu, Boley 2021, "Relative flatness and generalization", definition 3.
    """
    name, module = _layer(minimum.problem, layer)
    weight = minimum.problem.parameter_names.index(f"{name}.weight" if name else "weight")
    W = minimum.problem.unflatten(minimum.theta)[weight]
    if isinstance(module, nn.Linear):
        value = _linear(minimum, module, W)
        if value is not None:
            reason = f"exact up to rounding, of layer {name or 'model'}"
            return exact(minimum, value[0], reason, _BLIND_SPOT, magnitude=value[1], passes=value[2])
    operator = _Between(minimum, weight, W)
    estimate = hutchinson(operator, rtol=rtol, min_matvecs=min(16, max_matvecs), max_matvecs=max_matvecs, seed=seed)
    decay = minimum.problem.weight_decay * float(W.double().square().sum()) * W[0].numel()
    return Measurement(
        value=estimate.value - decay,
        error=estimate.error,
        error_kind="standard error",
        matvecs=estimate.matvecs,
        converged=estimate.converged,
        reason=f"{estimate.reason}, of layer {name}",
        caveat=_BLIND_SPOT,
    )


def _layer(problem: Problem, wanted: str) -> tuple[str, nn.Module]:
    """Return the layer of a name, or the last one with a trainable weight that the forward pass calls."""
    there = {
        name: module
        for name, module in problem.model.named_modules()
        if isinstance(module, _LAYERS) and (f"{name}.weight" if name else "weight") in problem.parameter_names
    }
    if not there or (wanted and wanted not in there):
        listed = ", ".join(there) or "none"
        what = f"has no linear or convolutional layer {wanted!r}" if wanted else "has no linear or convolutional layer"
        raise UsageError(f"relative_flatness: the network {what}.{suggest(wanted, there)} It has {listed}.")
    name = wanted or _last_called(problem, there)
    return name, there[name]


def _last_called(problem: Problem, layers: Mapping[str, nn.Module]) -> str:
    """Return the name of the layer that one example goes through last; the last of all where it meets none."""
    called: list[str] = []

    def note(name: str) -> Callable[..., None]:
        return lambda *_: called.append(name)

    handles = [module.register_forward_hook(note(name)) for name, module in layers.items()]
    try:
        with torch.no_grad():
            problem.batch_loss(problem.unflatten(problem.theta), spread_rows(next(problem.batches())[0], 1))
    finally:
        for handle in handles:
            handle.remove()
    return (called or list(layers))[-1]


def _linear(minimum: Minimum, module: nn.Linear, W: Tensor) -> tuple[float, float, int] | None:
    """Return the value, its magnitude and the passes; None where examples have more than one input to the layer."""
    problem = minimum.problem
    leaves = [each.detach() for each in problem.unflatten(minimum.theta)]
    # as many directions as W has rank: W W' = U S U'
    U, S, _ = torch.linalg.svd(W.double(), full_matrices=False)
    directions = (U * S).T.to(W.dtype)
    value = magnitude = 0.0
    for batch, share in problem.batches():
        seen = _seen(problem, module, leaves, batch)
        if seen is None:
            return None
        x, shift, gradient = seen
        x2 = x.double().square().sum(1)
        for u in directions if gradient.requires_grad else ():
            (Du,) = torch.autograd.grad(gradient, shift, u.expand_as(shift), retain_graph=True)
            # the loss is the batch's mean
            value += share * float(x2 @ (Du.double() @ u.double()))
            magnitude += share * float(x2 @ (Du.double().norm(dim=1) * u.double().norm()))
    return value, magnitude, 1 + len(directions)


def _seen(
    problem: Problem, module: nn.Module, leaves: list[Tensor], batch: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return a layer's inputs, a shift of its outputs, and the gradient of the batch's loss by it; None over tokens."""
    found: list[tuple[Tensor, Tensor]] = []

    def shifted(_: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
        shift = torch.zeros_like(outputs).requires_grad_()
        found.append((inputs[0].detach(), shift))
        return outputs + shift

    handle = module.register_forward_hook(shifted)
    try:
        loss = problem.batch_loss(leaves, batch)
    finally:
        handle.remove()
    if len(found) != 1 or found[0][1].ndim != 2:
        return None
    x, shift = found[0]
    (gradient,) = torch.autograd.grad(loss, shift, create_graph=True)
    return x, shift, gradient


class _Between(SymmetricOperator):
    r"""$(C^{1/2} \otimes I)\, H\, (C^{1/2} \otimes I)$ on the block of one weight, $C = WW^\top$."""

    def __init__(self, minimum: Minimum, weight: int, W: Tensor) -> None:
        sizes = minimum.problem.sizes
        start = sum(sizes[:weight])
        self.block = Restricted(minimum.hessian, torch.arange(start, start + sizes[weight]))
        self.shape, self.dtype, self.device = self.block.shape, self.block.dtype, self.block.device
        U, S, _ = torch.linalg.svd(W.flatten(1).double(), full_matrices=False)
        self._root = ((U * S) @ U.T).to(self.dtype)

    def matvec(self, v: Tensor) -> Tensor:
        """Return the product with one vector, shape ``(m,)``."""
        return self._times(self.block @ self._times(v))

    def refuse_not_finite(self, v: Tensor) -> None:
        """As the block does."""
        self.block.refuse_not_finite(self._times(v))

    def _times(self, v: Tensor) -> Tensor:
        result: Tensor = self._root @ v.view(len(self._root), -1)
        return result.reshape(-1)


measures.register("relative_flatness", "relative flatness of one layer; layer=NAME, the last one by default")(
    Measure(
        relative_flatness,
        "relative flatness",
        r"\sum \langle w_s, w_t\rangle \operatorname{tr} H_{st}",
        _BLIND_SPOT,
        "relative flatness",
        10,
        invariances=frozenset({"layer_rescaling", "batch_norm_scaling", "neuron_permutation"}),
    )
)
