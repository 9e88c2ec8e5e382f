"""What the memory is for, said before the first product."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from landscape.cli.processes import is_first
from landscape.cli.say import NO_BREAK, say

if TYPE_CHECKING:
    from landscape.solvers.memory_plan import MemoryPlan


def say_plans(plans: "Mapping[str, MemoryPlan]", device: str) -> None:
    """Say what the memory is for, on standard error.

    Args:
        plans: By what they are for.
        device: Where products are computed.
    """
    for part, plan in plans.items() if is_first() else ():
        graphs = _size(plan.graphs) + f", of which {_size(plan.held)} at most" * (plan.graphs > plan.held)
        place = "host" if plan.basis_device == "cpu" else "device"
        where = f" on the {place}" * (plan.basis_device != device)
        text = (
            f"Memory for {part}, of {_size(plan.memory)}: graphs {graphs}; vectors {_size(plan.product)}; basis "
            f"{_size(plan.basis)}{where}, {plan.max_basis} vectors of {plan.basis_dtype} (at least {plan.least_basis})."
        )
        say(text, below="  ")


def _size(num_bytes: int) -> str:
    """Return a number of bytes in words that stay on one line."""
    from landscape.operators.held_batches import megabytes

    return megabytes(num_bytes).replace(" ", NO_BREAK)
