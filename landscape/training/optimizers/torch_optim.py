"""``torch:NAME``: every other class of torch.optim, with all options of its own signature."""

import torch

from landscape.errors import UsageError, suggest
from landscape.registry import optimizers
from landscape.training.optimizer_definition import OptimizerDefinition


@optimizers.register("torch:NAME", "any class of torch.optim, such as torch:NAdam")
def torch_optimizer(name: str) -> OptimizerDefinition:
    """Return the definition of one class of torch.optim.

    Raises:
        UsageError: If there is no such class.
    """
    known = {
        key: value
        for key, value in vars(torch.optim).items()
        if isinstance(value, type) and issubclass(value, torch.optim.Optimizer) and key != "Optimizer"
    }
    if name not in known:
        raise UsageError(
            f"torch.optim has no optimizer {name!r}.{suggest(name, known)} Known: {', '.join(sorted(known))}."
        )
    return OptimizerDefinition(build=known[name])
