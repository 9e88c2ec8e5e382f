"""Products that are not finite: seen without waiting for the device, and traced to their batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from landscape.batches import batch_size_of
from landscape.operators.linearisation import Linearise
from landscape.problem import Problem


def reads_are_free(device: torch.device) -> bool:
    """Return whether a number of a tensor can be read without waiting.

    A GPU works on what it was told to do while the program goes on; whoever reads a number waits until all of it is
    done. So a product is looked at where it is made on a CPU only; elsewhere by the solver that reads its coefficients.
    """
    return device.type == "cpu"


def refuse_not_finite(problem: Problem, leaves: Sequence[Tensor], v: Tensor, linearise: Linearise) -> None:
    """Raise with the number of the batch whose product is not finite; return if the vector is to blame.

    Args:
        problem: Whose batches.
        leaves: The point, as parameters.
        v: The vector, shape ``(n,)``.
        linearise: A batch to its product.

    Raises:
        FloatingPointError: If a batch's product with a finite vector is not finite.
    """
    if not bool(torch.isfinite(v).all()):
        return
    pieces, before = problem.unflatten(v), 0
    for index, (batch, _) in enumerate(problem.batches()):
        if not bool(torch.isfinite(linearise(batch, before).product(pieces)).all()):
            with torch.no_grad():
                loss = float(problem.batch_loss(leaves, batch))
            raise FloatingPointError(
                f"the product of batch {index + 1} (of {batch_size_of(batch)} examples) is not finite; "
                f"its loss is {loss:.4g}"
            )
        before += batch_size_of(batch)
