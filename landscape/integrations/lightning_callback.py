"""Curvature along a training by Lightning."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from landscape.data.torchvision_import import import_torchvision
from landscape.integrations.curvature_log import CurvatureLog, library

import_torchvision()  # Lightning imports it, which fails beside a PyTorch for which it was not built
_Callback = library("lightning.pytorch", "lightning").Callback


class CurvatureCallback(_Callback):  # type: ignore[valid-type,misc]
    """A callback of Lightning's ``Trainer`` that appends curvature to ``folder/history.jsonl`` every few epochs.

    Only the first process measures, so each process must hold all parameters: not with FSDP or DeepSpeed's stage 3.

    Args:
        folder: The run folder.
        data: Some of the training examples, as `landscape.Problem` takes them.
        loss: A registered name, a criterion of the module's outputs, or ``(model, batch) -> mean``;
            ``training_step`` is not called, for it logs.
        **options: ``every`` (epochs), ``measures``, ``seed``, ``options``, ``problem_options`` of `CurvatureLog`,
            which says what a row holds.

    Example:
        ``Trainer(callbacks=[CurvatureCallback("runs/mine", (x, y), "cross_entropy", every=5)])``
    """

    def __init__(self, folder: str | Path, data: Any, loss: str | Callable[..., Tensor], **options: Any) -> None:
        super().__init__()
        self.log_of_curvature = CurvatureLog(folder, data, loss, **options)

    def on_train_epoch_end(self, trainer: Any, pl_module: nn.Module) -> None:
        """Measure the module where it stands."""
        if trainer.is_global_zero:
            self.log_of_curvature.epoch_ended(pl_module, trainer.current_epoch + 1, trainer.global_step)
