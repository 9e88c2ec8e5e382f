"""Parameters that are shards over several processes (FSDP2, DTensor): found, gathered, and run without FSDP."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch.distributed as dist
from torch import Tensor, nn

from landscape.errors import ProblemError
from landscape.ranks import ALONE, Ranks, ranks_of

_FSDP = "torch.distributed.fsdp."
_TENSOR_PARALLEL = "torch.distributed.tensor."


def is_sharded(tensor: Tensor) -> bool:
    """Return whether a tensor is a DTensor, of which this process has a shard."""
    return hasattr(tensor, "device_mesh")


def whole(tensor: Any) -> Tensor:
    """Return all of a tensor, detached: gathered where it is sharded, which every process has to call for."""
    detached: Tensor = tensor.detach().full_tensor() if is_sharded(tensor) else tensor.detach()
    return detached


@dataclass(frozen=True)
class Shards:
    """How a model's parameters are dealt out over processes.

    Attributes:
        ranks: The processes that share the work.
        holders: The same where parameters are shards; alone where every process has them whole.
        frozen: The sharded parameters that are not measured, whole: a forward pass must not wait for other processes.
    """

    ranks: Ranks
    holders: Ranks
    frozen: Mapping[str, Tensor]

    @staticmethod
    def of(model: nn.Module, measured: Collection[str], group: Any) -> "Shards":
        """Return how the parameters of a model lie; every process that holds some has to ask.

        Args:
            model: Whose.
            measured: Names of those that make up theta.
            group: The process group that the user names, or None.

        Raises:
            ProblemError: If processes that hold shards are not in it.
        """
        named = dict(model.named_parameters())
        sharded = any(map(is_sharded, named.values()))
        ranks = ranks_of(_group_of_shards(model, group) if sharded else group)
        frozen = {name: whole(each) for name, each in named.items() if name not in measured and is_sharded(each)}
        return Shards(ranks, ranks if sharded else ALONE, frozen)

    @property
    def notes(self) -> list[str]:
        """What is to be said of it."""
        if self.holders.count == 1:
            return []
        kept = f"; {len(self.frozen)} that are not measured are kept whole in each" if self.frozen else ""
        return [f"the parameters are shards over {self.holders.count} processes, gathered in each for a product{kept}"]


def _group_of_shards(model: nn.Module, given: Any) -> Any:
    """Return the process group that holds the shards: the given one, that of their mesh, or all processes."""
    parameters: list[Any] = [*model.parameters()]
    meshes = [each.device_mesh for each in parameters if is_sharded(each)]
    holders = {int(rank) for mesh in meshes for rank in mesh.mesh.flatten()}
    if given is None:
        one = meshes[0].ndim == 1 and all(mesh == meshes[0] for mesh in meshes)
        given = meshes[0].get_group() if one else dist.group.WORLD
    missing = sorted(holders - set(dist.get_process_group_ranks(given)))
    if missing:
        raise ProblemError(
            f"The model's parameters are shards over processes that are not in process_group: {missing} (of all, from "
            f"0). Every one of them has to gather them: give a group of all, or leave process_group out."
        )
    return given


def refuse_tensor_parallel(model: nn.Module) -> None:
    """Refuse layers that are cut up themselves: with whole weights in their place they compute something else.

    Raises:
        ProblemError: If there is one, or a buffer is sharded.
    """
    for name, module in model.named_modules():
        for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values()):
            if _is_of(hook, _TENSOR_PARALLEL):
                raise ProblemError(
                    f"{name!r} is computed by several processes together (tensor parallelism), which cannot be "
                    f"measured. Give the plain module, or shard it with fully_shard alone."
                )
    for name, each in model.named_buffers():
        if is_sharded(each):
            raise ProblemError(f"The buffer {name!r} is sharded over several processes. Give it whole.")


def without_fsdp(module: nn.Module) -> None:
    """Take FSDP's hooks off a module for a forward pass with whole parameters; they would put shards in their place."""
    for name in ("_forward_pre_hooks", "_forward_hooks"):
        hooks = getattr(module, name)
        if hooks and any(_is_of(hook, _FSDP) for hook in hooks.values()):
            kept = {number: hook for number, hook in hooks.items() if not _is_of(hook, _FSDP)}
            setattr(module, name, type(hooks)(kept))


def _is_of(hook: Any, package: str) -> bool:
    return str(getattr(hook, "__module__", "")).startswith(package)
