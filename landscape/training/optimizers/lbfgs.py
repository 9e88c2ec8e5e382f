"""L-BFGS (Liu & Nocedal 1989) as torch has it: one step is up to ``max_iter`` iterations on the full batch."""

import torch

from landscape.registry import optimizers
from landscape.training.optimizer_definition import NON_NEGATIVE, POSITIVE_COUNT, OptimizerDefinition
from landscape.training.search_range import SearchRange

LBFGS = optimizers.register("lbfgs", "L-BFGS, full batch only; line_search_fn=strong_wolfe for a line search")(
    OptimizerDefinition(
        build=torch.optim.LBFGS,
        options=("max_iter", "max_eval", "tolerance_grad", "tolerance_change", "history_size", "line_search_fn"),
        ranges={
            **dict.fromkeys(("max_iter", "max_eval", "history_size"), POSITIVE_COUNT),
            **dict.fromkeys(("tolerance_grad", "tolerance_change"), NON_NEGATIVE),
        },
        choices={"line_search_fn": (None, "strong_wolfe")},
        full_batch=True,
        unstable="L-BFGS steps by a dense estimate of the inverse Hessian that changes within the step.",
        search={"lr": SearchRange(1e-2, 1.0)},
    )
)
