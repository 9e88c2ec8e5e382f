"""Loss and accuracy at many points, at the price of the forward passes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape.batch_structure import content
from landscape.batches import move_batch
from landscape.errors import ProblemError, UsageError
from landscape.operators.held_batches import default_memory
from landscape.problem import Problem
from landscape.surfaces.faster_layers import fold_batch_norm, keep_patches
from landscape.surfaces.live_model import LiveModel, losses_of_examples
from landscape.surfaces.one_pass import compiled_pass, plain_pass

STATISTICS = {
    "evaluation": "BatchNorm by its running statistics, as trained",
    "reestimated": "BatchNorm by running statistics re-estimated at every point",
    "batch": "BatchNorm by the statistics of each batch",
}
CHUNK = 16
"""Points that share one pass through the examples."""
_CHUNK_BYTES = 2**29


@dataclass(frozen=True)
class PointValues:
    """What was found at one point on one set of examples.

    Attributes:
        loss: Mean over the examples, without weight decay; infinite where the network overflows.
        accuracy: Share of right decisions; None without classes.
        complete: False where the sum was ended early: the loss is then a lower bound.
        losses: Of every example, shape ``(N,)``, where they were asked for.
    """

    loss: float
    accuracy: float | None
    complete: bool = True
    losses: np.ndarray | None = None


class PointEvaluator:
    r"""Evaluates loss and accuracy of one model on several sets of examples at any points.

    A point costs its forward passes or less: parameters are set by one copy, examples are held, images of three and
    more channels lie channels-last on a CPU (where the network allows it), BatchNorm with running statistics is part
    of the convolution before it, a first convolution of one or two channels is a product with patches that are made
    once, no graph is built, and sums are accumulated in float64 on the device.

    Args:
        problems: Sets of examples by name, such as ``train`` and ``test``, of one model and loss; the first one's
            model, precision and mode count.
        dtype: Precision; the problem's by default.
        statistics: Of BatchNorm: ``"evaluation"``, ``"batch"``, or ``"reestimated"`` (on the first set, at every
            point); as the problem has it when None.
        per_example: Whether to keep the loss of every example.
        ceiling: End a sum early when it is certain that the mean exceeds this; for losses that are never negative.
        compiled: Whether passes go through ``torch.compile``, on a GPU as captured graphs: pays for many points.

    Raises:
        UsageError: If the statistics are unknown.
        ProblemError: If the network cannot be compiled, or gives other losses then.
    """

    def __init__(
        self,
        problems: Mapping[str, Problem],
        *,
        dtype: torch.dtype | None = None,
        statistics: str | None = None,
        per_example: bool = False,
        ceiling: float | None = None,
        compiled: bool = False,
    ) -> None:
        first = next(iter(problems.values()))
        statistics = statistics or first.batch_norm
        if statistics not in STATISTICS:
            raise UsageError(f"BatchNorm's statistics can be {', '.join(STATISTICS)}; not {statistics!r}. Choose one.")
        self.problems, self.ranks = dict(problems), first.ranks
        self.statistics, self.per_example, self.ceiling = statistics, per_example, ceiling
        self.live, self._dtype = LiveModel(first, dtype), first.dtype
        self._criterion: Callable[[Tensor, Tensor], Tensor] | None
        try:
            self._criterion = first.require_criterion()
        except ProblemError:
            self._criterion = None
            if per_example or statistics == "reestimated" or dtype not in (None, first.dtype):
                raise
        self._make_faster(first)
        self._held = self._hold()
        self._pass = None if self._criterion is None else plain_pass(self.live.model, self._criterion)
        if compiled:
            self._compile(first)
        elif self._criterion is not None and self.live.device.type == "cpu":
            inputs = [batch[0] for batches in self._held.values() for batch, _ in batches]
            keep_patches(self.live.model, [x for x in inputs if isinstance(x, Tensor)])
        # the vectors of a chunk lie in memory together
        self._chunk = max(1, min(CHUNK, _CHUNK_BYTES // (first.num_parameters * self.live.dtype.itemsize)))

    def __call__(self, points: Iterable[Tensor]) -> Iterator[dict[str, PointValues]]:
        """Go through the values at some points, shape ``(n,)`` each, by name of the set of examples.

        Yields:
            The values at each point, in order.
        """
        remaining = iter(points)
        while chunk := list(islice(remaining, self._chunk)):
            yield from self._together(chunk)

    def at(self, theta: Tensor) -> dict[str, PointValues]:
        """Return the values at one point."""
        return next(iter(self([theta])))

    def _together(self, thetas: list[Tensor]) -> list[dict[str, PointValues]]:
        """Return the values at points that share each batch."""
        if self.statistics == "reestimated" and len(thetas) > 1:
            return [each for theta in thetas for each in self._together([theta])]
        sums = [{name: _Sums(self, problem) for name, problem in self.problems.items()} for _ in thetas]
        with self.live.forward_only(self.statistics):
            for index, (name, problem) in enumerate(self.problems.items()):
                for number, (batch, share) in enumerate(self._batches(name, problem)):
                    for theta, each in zip(thetas, sums, strict=True):
                        if number == 0 or len(thetas) > 1:
                            self.live.put(theta)
                        if number == index == 0 and self.statistics == "reestimated":
                            self.live.reestimate(list(self._batches(name, problem)))
                        if not each[name].ended:
                            self._add(each[name], theta, batch, share)
        return [{name: each.values() for name, each in point.items()} for point in sums]

    def _add(self, sums: "_Sums", theta: Tensor, batch: Any, share: float) -> None:
        if self._criterion is None or self._pass is None:
            problem = sums.problem
            sums.add(problem.batch_loss(problem.unflatten(theta), batch).double(), None, None, share)
            return
        x, y = content(batch)
        outputs, loss, right = self._pass(x, y)
        losses = None
        if self.per_example:
            if not isinstance(outputs, Tensor) or not isinstance(y, Tensor):
                raise ProblemError(f"The outputs must be one tensor here; the model gave a {type(outputs).__name__}.")
            losses = losses_of_examples(self._criterion, outputs, y)
        sums.add(loss, right, losses, share)

    def _batches(self, name: str, problem: Problem) -> Iterator[tuple[Any, float]]:
        if self._held:
            yield from self._held[name]
            return
        for batch, share in problem.batches():
            yield self._laid_out(batch), share

    def _hold(self) -> dict[str, list[tuple[Any, float]]]:
        """Return all batches as the model takes them, or nothing where they would fill the memory."""
        room = default_memory(self.live.device) // 2
        held: dict[str, list[tuple[Any, float]]] = {}
        for name, problem in self.problems.items():
            held[name] = []
            for batch, share in problem.batches():
                laid_out = self._laid_out(batch)
                room -= _bytes(laid_out)
                if room < 0:
                    return {}
                held[name].append((laid_out, share))
        return held

    def _laid_out(self, batch: Any) -> Any:
        if self._criterion is None:
            return batch
        x, y = content(batch)
        if self.live.dtype != self._dtype:
            x, y = move_batch((x, y), self.live.device, self.live.dtype)
        return (x.contiguous(memory_format=torch.channels_last) if self.channels_last else x), y

    def _make_faster(self, problem: Problem) -> None:
        """Choose what makes no difference to a network but to its speed, tried on a few examples."""
        self.channels_last = False
        x = content(next(problem.batches())[0])[0] if self._criterion is not None else None
        if not isinstance(x, Tensor) or x.ndim != 4:
            return
        few = self._laid_out(next(problem.batches())[0])[0][:8]
        self.live.put(problem.theta)
        if self._draws(few):
            return
        if self.live.device.type == "cpu" and few.shape[1] >= 3:
            self.channels_last = self._allows_channels_last(few)
        if self.statistics != "batch":
            fold_batch_norm(self.live.model, few, lambda: self.live.forward_only(self.statistics))

    def _compile(self, problem: Problem) -> None:
        if self._pass is None:
            raise ProblemError("A loss that calls the network itself cannot be compiled here. Leave --compile out.")
        x, y = content(next(self._batches(next(iter(self.problems)), problem))[0])
        self.live.put(problem.theta)
        self._pass = compiled_pass(self._pass, x, y, lambda: self.live.forward_only(self.statistics))

    def _allows_channels_last(self, few: Tensor) -> bool:
        """Return whether images may lie channels-last: then a convolution of three and more channels is faster."""
        with self.live.forward_only(self.statistics):
            try:
                plain = self.live.model(few)
                other = self.live.model(few.contiguous(memory_format=torch.channels_last))
            except RuntimeError:
                return False
        return isinstance(plain, Tensor) and torch.allclose(plain, other, rtol=1e-4, atol=1e-5, equal_nan=True)

    def _draws(self, x: Tensor) -> bool:
        """Return whether two passes differ, or cannot be compared: then nothing can be said."""
        with self.live.forward_only(self.statistics):
            first, second = self.live.model(x), self.live.model(x)
            return not (isinstance(first, Tensor) and torch.equal(first, second))


class _Sums:
    """Sums over examples at one point, on the device until they are asked for."""

    def __init__(self, evaluator: PointEvaluator, problem: Problem) -> None:
        self.problem = problem
        self.ended = False
        self._evaluator = evaluator
        self._loss = torch.zeros((), dtype=torch.float64, device=evaluator.live.device)
        self._right: Tensor | None = torch.zeros_like(self._loss)
        self._losses: list[Tensor] = []

    def add(self, loss: Tensor, right: Tensor | None, losses: Tensor | None, share: float) -> None:
        self._loss = self._loss + share * loss
        self._right = None if right is None or self._right is None else self._right + share * right
        if losses is not None:
            self._losses.append(losses.double())
        ceiling = self._evaluator.ceiling
        # what is left to be added is not negative, so that the mean is at least what there is now
        self.ended = ceiling is not None and not bool(self._loss <= ceiling)

    def values(self) -> PointValues:
        loss = float(self._loss)
        losses = torch.cat(self._losses).cpu().numpy() if self._losses else None
        return PointValues(
            loss if np.isfinite(loss) else np.inf,
            None if self._right is None else float(self._right),
            not self.ended,
            losses,
        )


def _bytes(batch: Any) -> int:
    leaves = batch if isinstance(batch, tuple | list) else [batch]
    return sum(each.numel() * each.element_size() for each in leaves if isinstance(each, Tensor))
