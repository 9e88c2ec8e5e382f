r"""The diagonal preconditioners P that optimizers divide their steps by, as the coming step uses them.

Each function takes the options, the number t of the coming step (1 is the first), the gradient g of that step with
coupled weight decay added, shape ``(n,)``, float64, and the optimizer's flat state before the step (nothing before the
first), and returns the diagonal, shape ``(n,)``, float64.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from landscape.operators.preconditioned import adam_preconditioner

Options = Mapping[str, Any]
State = Mapping[str, Tensor]


def adam_diagonal(options: Options, t: int, g: Tensor, state: State) -> Tensor:
    r"""Return $\sqrt{v/(1-\beta_2^t)} + \epsilon$, v with g taken in: of Adam, AdamW and NAdam."""
    return adam_preconditioner(_moving_square(options, g, state), t, beta2=options["betas"][1], eps=options["eps"])


def radam_diagonal(options: Options, t: int, g: Tensor, state: State) -> Tensor:
    r"""Return $(\sqrt v + \epsilon)/\sqrt{1-\beta_2^t}$, v with g taken in; ones while RAdam does not trust v."""
    beta2: float = options["betas"][1]
    if rectification(beta2, t) is None:
        return torch.ones_like(g)
    return (_moving_square(options, g, state).sqrt() + float(options["eps"])) / float((1 - beta2**t) ** 0.5)


def rectification(beta2: float, t: int) -> float | None:
    """Return RAdam's factor of the learning rate at step t, or None where it steps without v (Liu et al. 2020)."""
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    if length <= 5:
        return None
    top, bottom = (length - 4) * (length - 2) * longest, (longest - 4) * (longest - 2) * length
    return float((top / bottom) ** 0.5)


def rmsprop_diagonal(options: Options, t: int, g: Tensor, state: State) -> Tensor:
    r"""Return $\sqrt v + \epsilon$, or with ``centered`` $\sqrt{v - \bar g^2} + \epsilon$, both with g taken in."""
    alpha = options["alpha"]
    v = alpha * _of(state, "square_avg", g) + (1 - alpha) * g.square()
    if options.get("centered"):
        mean = alpha * _of(state, "grad_avg", g) + (1 - alpha) * g
        v = (v - mean.square()).clamp_min(0)
    return adam_preconditioner(v, 0, beta2=0.0, eps=options["eps"])


def adagrad_diagonal(options: Options, t: int, g: Tensor, state: State) -> Tensor:
    r"""Return $\sqrt{\sum g^2} + \epsilon$ with g taken in."""
    start = torch.full_like(g, options["initial_accumulator_value"])
    total = state["sum"].to(g.device).double() if "sum" in state else start
    return adam_preconditioner(total + g.square(), 0, beta2=0.0, eps=options["eps"])


def _moving_square(options: Options, g: Tensor, state: State) -> Tensor:
    beta2 = float(options["betas"][1])
    return beta2 * _of(state, "exp_avg_sq", g) + (1 - beta2) * g.square()


def _of(state: State, name: str, g: Tensor) -> Tensor:
    return state[name].to(g.device).double() if name in state else torch.zeros_like(g)
