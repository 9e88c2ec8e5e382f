"""Training as an iteration over evaluations: what `train` is made of, and curvature tracking too."""

import time
from collections.abc import Callable, Iterator

import torch
from torch import nn

from landscape.data import DataSet
from landscape.training.config import TrainingConfig
from landscape.training.determinism import repeatable
from landscape.training.evaluation import LossFunction
from landscape.training.prepare import prepare_run
from landscape.training.run import Run, clear_gradients, take_steps, warm_up
from landscape.training.view import TrainingView, first_view, next_view, state_to_rewind, stretches


def training_steps(
    model: nn.Module,
    loss: LossFunction,
    dataset: DataSet,
    config: TrainingConfig,
    *,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
) -> Iterator[TrainingView]:
    r"""Return the views of a training: before it, and after every ``evaluate_every`` epochs.

    The model is trained in place. It is bit-identical for the same seed on the same device, whatever is done
    between two views, as long as parameters, buffers and optimizer are left alone; torch's global random state is
    as it was. The last view says if training diverged.

    The *matched minimum* is the first step at which the mean loss over the whole training set, in evaluation
    mode, is at or below ``config.target_loss``. The loss is evaluated at the views; the first stretch that ends
    at or below the target is taken again from its start, with an evaluation after every step (every
    $\sqrt{n}$-th first, where the stretch has more than 64). Further ``config.levels`` are located likewise, all of
    one stretch in one pass.

    Args:
        model: Trained in place, moved to ``device`` and ``dtype``; all of it in training mode while it trains.
        loss: Function of (outputs, targets) giving the mean over examples.
        dataset: Training and test examples, copied to the device.
        config: How to train.
        device: Where.
        dtype: Precision of parameters and inputs.

    Yields:
        The training at rest, live: valid until the next view is asked for.

    Raises:
        ProblemError: If the loss is not finite before training, nothing is trainable, or the model, its loss or
            the optimizer raises.
        UsageError: If the model has fewer outputs than the data set has classes.

    Pitfalls:
        A dip of the training loss below the target inside a stretch that ends above it is not seen.
    """
    modes = [(module, module.training) for module in model.modules()]
    try:
        run = prepare_run(model, loss, dataset, config, device=torch.device(device), dtype=dtype)
        yield from _views(run)
    finally:
        for module, training in modes:
            module.training = training


def timed(device: torch.device, work: Callable[[], None]) -> float:
    """Do something with deterministic kernels and return its seconds, the device's work included."""
    _synchronize(device)
    start = time.perf_counter()
    with repeatable(device):
        work()
    _synchronize(device)
    return time.perf_counter() - start


def _views(run: Run) -> Iterator[TrainingView]:
    view = first_view(run)
    yield view
    warm_up(run)
    for first, last in stretches(run):
        before = state_to_rewind(view, last)
        run.norms.zero_()
        seconds = timed(run.device, lambda span=(first, last): _steps(run, *span))  # type: ignore[misc]
        clear_gradients(run)
        view = next_view(view, before, last, seconds)
        yield view
        if view.diverged:
            return


def _steps(run: Run, first: int, last: int) -> None:
    for _ in take_steps(run, first, last):
        pass


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
