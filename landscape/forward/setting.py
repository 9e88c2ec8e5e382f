"""How a user's model is run: in evaluation mode, by kernels that differentiate twice, leaving nothing behind."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape.forward.kept_attributes import kept_attributes
from landscape.forward.sharded import without_fsdp
from landscape.forward.without_autocast import WithoutAutocast
from landscape.forward.without_checkpointing import without_checkpointing
from landscape.full_precision import full_precision
from landscape.random_state import kept_random_state


@dataclass(frozen=True)
class Setting:
    """How to run a module.

    Attributes:
        batch_norm: ``"evaluation"`` or ``"batch"``.
        device: Where it runs.
        autocast: Whether the forward pass turns on autocast, which is then left out.
        checkpointing: Whether it checkpoints activations, which is then left out.
        draws: Whether it draws random numbers (to no effect): the generators are then put back.
        writes: Whether it writes into parameters that are not differentiated: it is then given copies.
        tf32: Whether float32 products may round their factors, as PyTorch is set to.
    """

    batch_norm: str
    device: torch.device
    autocast: bool = False
    checkpointing: bool = False
    draws: bool = False
    writes: bool = False
    tf32: bool = False

    @contextlib.contextmanager
    def entered(self, root: nn.Module) -> Iterator[None]:
        """While entered, ``root`` and all below it run as said; on leaving everything is as it was."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.enable_grad())
            stack.enter_context(full_precision(self.tf32))
            if self.draws:
                stack.enter_context(kept_random_state())
            stack.enter_context(kept_attributes(root))
            for module in root.modules():
                is_norm = isinstance(module, nn.modules.batchnorm._BatchNorm)
                training = is_norm and self.batch_norm == "batch"
                if module.training != training:
                    module.training = training
                _run_plainly(module)
            stack.enter_context(_differentiable_kernels(root, self.device))
            if self.checkpointing:
                stack.enter_context(without_checkpointing())
            if self.autocast:
                stack.enter_context(WithoutAutocast(self.device.type))
            yield


def _run_plainly(module: nn.Module) -> None:
    """Let a module run as its Python code, with dense gradients; `kept_attributes` puts it back."""
    if module._compiled_call_impl is not None:
        module._compiled_call_impl = None
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        module.sparse = False
    without_fsdp(module)
    if module._backward_hooks or module._backward_pre_hooks:
        module._backward_hooks = type(module._backward_hooks)()
        module._backward_pre_hooks = type(module._backward_pre_hooks)()


@contextlib.contextmanager
def _differentiable_kernels(root: nn.Module, device: torch.device) -> Iterator[None]:
    """While entered, torch takes kernels that have a second derivative."""
    fast = torch.backends.mha.get_fastpath_enabled()
    with contextlib.ExitStack() as stack:
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        if has_cudnn_rnn(root, device):
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        if torch.is_autocast_enabled(device.type):
            stack.enter_context(torch.autocast(device.type, enabled=False))
        if "torch._dynamo" in sys.modules:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        torch.backends.mha.set_fastpath_enabled(False)
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        yield


def has_cudnn_rnn(root: nn.Module, device: torch.device) -> bool:
    """Return whether cuDNN would compute a recurrent layer: its kernels have no second derivative."""
    return device.type == "cuda" and any(isinstance(each, nn.RNNBase) for each in root.modules())
