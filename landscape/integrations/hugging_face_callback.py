"""Curvature along a training by Hugging Face's Trainer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from landscape.data.torchvision_import import import_torchvision
from landscape.integrations.curvature_log import CurvatureLog, library

import_torchvision()  # transformers imports it, which fails beside a PyTorch for which it was not built
_Callback = library("transformers", "transformers", "accelerate").TrainerCallback


def own_loss(model: nn.Module, batch: Any) -> Tensor:
    """Return the loss that the model computes itself of a batch with its labels."""
    return model(**batch).loss  # type: ignore[no-any-return]


class CurvatureCallback(_Callback):  # type: ignore[valid-type,misc]
    """A ``TrainerCallback`` that appends curvature to ``folder/history.jsonl`` every few epochs.

    Only the first process measures, so each process must hold all parameters: not with FSDP or DeepSpeed's stage 3.

    Args:
        folder: The run folder.
        data: Some of the training examples, as `landscape.Problem` takes them: a list of collated batches, say.
        loss: ``(model, batch) -> mean``; the model's own by default.
        **options: ``every`` (epochs), ``measures``, ``seed``, ``options``, ``problem_options`` of `CurvatureLog`,
            which says what a row holds.

    Example:
        ``Trainer(..., callbacks=[CurvatureCallback("runs/mine", batches, every=5)])``
    """

    def __init__(
        self, folder: str | Path, data: Any, loss: str | Callable[..., Tensor] = own_loss, **options: Any
    ) -> None:
        self.log_of_curvature = CurvatureLog(folder, data, loss, **options)

    def on_epoch_end(self, args: Any, state: Any, control: Any, *, model: nn.Module, **others: Any) -> None:
        """Measure the model where it stands; not where training ends within an epoch."""
        epochs = round(state.epoch)
        if state.is_world_process_zero and abs(state.epoch - epochs) < 1e-6:
            self.log_of_curvature.epoch_ended(model, epochs, state.global_step)
