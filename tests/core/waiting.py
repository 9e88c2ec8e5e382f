"""What makes a program wait for a GPU, seen without one: readings of numbers, and tensors on two devices.

The meta device stands for the GPU. It is none of the CPU's, so the program takes the ways it takes there; its tensors
hold nothing, so a number that is read, a size that depends on numbers, or a tensor that comes back is an error at once.
"""

import copy
import dataclasses
from collections import Counter
from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

META = torch.device("meta")
WAITING = (
    "_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "equal", "unique_consecutive", "_unique2",
    "unique_dim", "bincount", "repeat_interleave",
)  # fmt: skip


class Waits(TorchDispatchMode):
    """While entered, counts by name what would wait for a device, and refuses operations on tensors of two."""

    def __init__(self):
        super().__init__()
        self.seen = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in WAITING:
            self.seen[name] += 1
        places = {
            each.device.type for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor) and each.ndim
        }
        if name not in ("copy_", "_to_copy"):
            assert len(places) < 2, f"{name} of tensors on {' and '.join(sorted(places))}"
        found = func(*args, **(kwargs or {}))
        places |= {each.device.type for each in tree_leaves(found) if isinstance(each, torch.Tensor)}
        if name in ("copy_", "_to_copy") and len(places) > 1:
            self.seen["copy between devices"] += 1
        return found


@contextmanager
def readings(monkeypatch):
    """Count what reads numbers of tensors on the CPU, where nothing has to be waited for: as a list of names."""
    names = []
    with monkeypatch.context() as patch:
        for name in ("cpu", "tolist", "item", "__float__", "__bool__", "__int__", "numpy"):
            own = getattr(torch.Tensor, name)

            def counted(tensor, *args, own=own, name=name, **kwargs):
                # numpy takes what .cpu() gave: one reading
                if name != "numpy":
                    names.append(name)
                return own(tensor, *args, **kwargs)

            patch.setattr(torch.Tensor, name, counted)
        yield names


def elsewhere(problem):
    """Return the same problem as it would be on a GPU, with nothing in its tensors."""
    other = problem.with_model(copy.deepcopy(problem.model).to(META))
    other.device = META
    other._run = dataclasses.replace(other._run, device=META)
    other._batches = dataclasses.replace(problem._batches, batches=problem._batches.batches.on(META))
    return other
