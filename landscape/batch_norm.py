"""Running statistics of BatchNorm, estimated anew for weights that no training step has seen."""

from collections.abc import Iterable

from torch import Tensor, nn


def batch_norms(model: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """Return the layers of a model that keep running statistics."""
    return [each for each in model.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]


def reestimate(model: nn.Module, batches: Iterable[tuple[Tensor, int]]) -> None:
    """Set the running statistics of every BatchNorm to the means of the batches' own, weighted by their size.

    They are the mean of the batches' means, and of their unbiased variances. All other layers stay in the mode that
    they are in. With batches of one size it is what ``torch.optim.swa_utils.update_bn`` leaves.

    Args:
        model: Changed in place; without BatchNorm nothing is done.
        batches: (inputs, how many examples they are).

    References:
        Garipov et al. 2018, "Loss surfaces, mode connectivity, and fast ensembling of DNNs", section 3.3.
    """
    norms = batch_norms(model)
    if not norms:
        return
    before = [(norm, norm.momentum, norm.training) for norm in norms]
    seen = 0
    try:
        for inputs, size in batches:
            seen += size
            for norm in norms:
                norm.training, norm.momentum = True, size / seen
            model(inputs)
    finally:
        for norm, momentum, training in before:
            norm.momentum, norm.training = momentum, training
