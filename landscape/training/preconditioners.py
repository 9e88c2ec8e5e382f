r"""The diagonal preconditioners P that optimizers divide their steps by.

Each function takes the options, the number t of a step (1 is the first) and the optimizer's flat state as that step
left it, and returns the diagonal of P that the step used, shape ``(n,)``, float64.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from landscape.operators.preconditioned import adam_preconditioner

Options = Mapping[str, Any]
State = Mapping[str, Tensor]


def adam_diagonal(options: Options, t: int, state: State) -> Tensor:
    r"""Return $\sqrt{v/(1-\beta_2^t)} + \epsilon$: of Adam, AdamW and NAdam."""
    return adam_preconditioner(state["exp_avg_sq"], t, beta2=options["betas"][1], eps=options["eps"])


def radam_diagonal(options: Options, t: int, state: State) -> Tensor:
    r"""Return $(\sqrt v + \epsilon)/\sqrt{1-\beta_2^t}$; ones while RAdam does not trust v."""
    beta2, v = float(options["betas"][1]), state["exp_avg_sq"].double()
    if rectification(beta2, t) is None:
        return torch.ones_like(v)
    return (v.sqrt() + float(options["eps"])) / float((1 - beta2**t) ** 0.5)


def rectification(beta2: float, t: int) -> float | None:
    """Return RAdam's factor of the learning rate at step t, or None where it steps without v (Liu et al. 2020)."""
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    if length <= 5:
        return None
    top, bottom = (length - 4) * (length - 2) * longest, (longest - 4) * (longest - 2) * length
    return float((top / bottom) ** 0.5)


def rmsprop_diagonal(options: Options, t: int, state: State) -> Tensor:
    r"""Return $\sqrt v + \epsilon$, or with ``centered`` $\sqrt{v - \bar g^2} + \epsilon$."""
    v = state["square_avg"].double()
    if options["centered"]:
        v = (v - state["grad_avg"].double().square()).clamp_min(0)
    return adam_preconditioner(v, 0, beta2=0.0, eps=options["eps"])


def adagrad_diagonal(options: Options, t: int, state: State) -> Tensor:
    r"""Return $\sqrt{\sum g^2} + \epsilon$."""
    return adam_preconditioner(state["sum"], 0, beta2=0.0, eps=options["eps"])
