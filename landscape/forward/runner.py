"""A user's module run with other parameters in place of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from landscape.forward.exchanged import exchanged
from landscape.forward.setting import Setting


@dataclass(frozen=True)
class Runner:
    """How a model is run.

    Attributes:
        model: Whose parameters are exchanged; it may lie within the module that is run.
        names: Of the parameters that are given.
        dtype: Of everything.
        device: Where.
        setting: In what mode, by what kernels.
        gathered: Parameters that are not given and of which the model has only a shard, whole.
    """

    model: nn.Module
    names: tuple[str, ...]
    dtype: torch.dtype
    device: torch.device
    setting: Setting
    gathered: Mapping[str, Tensor] = field(default_factory=dict)

    def __call__(self, module: nn.Module, parameters: Sequence[Tensor], argument: Any, prefix: str = "") -> Any:
        """Return what a module gives of an argument; ``prefix`` leads from it to the model."""
        return self._run(module, self._state(parameters, copied=self.setting.writes), argument, prefix)

    def writes(self, module: nn.Module, parameters: Sequence[Tensor], argument: Any, prefix: str = "") -> bool:
        """Return whether the forward pass writes into parameters that are not given (a moving average, say)."""
        own = [name for name, _ in self.model.named_parameters() if name not in self.names]
        if not own:
            return False
        state = self._state(parameters, copied=True)
        before = {name: state[name].clone() for name in own}
        self._run(module, state, argument, prefix)
        return not all(torch.equal(before[name], state[name]) for name in own)

    def _state(self, parameters: Sequence[Tensor], *, copied: bool) -> dict[str, Tensor]:
        given = dict(zip(self.names, parameters, strict=True))
        return exchanged(self.model, given, self.dtype, self.device, copied=copied, gathered=self.gathered)

    def _run(self, module: nn.Module, state: dict[str, Tensor], argument: Any, prefix: str) -> Any:
        with self.setting.entered(module):
            return torch.func.functional_call(
                module, {f"{prefix}{name}": each for name, each in state.items()}, (argument,)
            )
