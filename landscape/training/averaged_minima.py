"""The minima that averages of the weights are, at the end of a training."""

from collections.abc import Iterator

import torch
from torch import Tensor

from landscape.batch_norm import batch_norms, reestimate
from landscape.training.determinism import repeatable
from landscape.training.evaluation import blamed_on_user, chunks, evaluation_mode
from landscape.training.history import HistoryRow
from landscape.training.rewind import capture, restore
from landscape.training.run import Run
from landscape.training.running_average import RunningAverage
from landscape.training.snapshot import Snapshot, take_snapshot


def averaged_snapshots(run: Run, row: HistoryRow) -> dict[str, Snapshot]:
    """Return the minimum of each average of a training that is at its end, by name.

    BatchNorm's running statistics are estimated anew on the training set, in batches of the training's size (an uneven
    last one weighs less). The optimizer's state is that of the end: an average has none of its own. The live state
    is put back, bit for bit.

    Args:
        run: Live after its last step.
        row: Its evaluation there.

    Cost:
        For each average an evaluation of both sets, and a pass over the training set where there is BatchNorm.
    """
    if not run.averages:
        return {}
    before = capture(run)
    found = {each.rule.name: _snapshot(run, each, row) for each in run.averages}
    restore(run, before)
    return found


def _snapshot(run: Run, average: RunningAverage, row: HistoryRow) -> Snapshot:
    with torch.no_grad():
        for parameter, mean in zip(run.parameters, average.tensors, strict=True):
            parameter.copy_(mean)
        if batch_norms(run.model):
            with evaluation_mode(run.model), repeatable(run.device), blamed_on_user("re-estimating BatchNorm"):
                reestimate(run.model, _inputs(run))
    train, test = run.evaluate_train(), run.evaluate_test()
    return take_snapshot(run, row.step, row.seconds, train, test, note=average.note)


def _inputs(run: Run) -> Iterator[tuple[Tensor, int]]:
    for inputs, _ in chunks(run.train, min(run.batch_size, run.config.max_batch)):
        yield inputs, len(inputs)
