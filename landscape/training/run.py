"""One training in progress: what it works on, and the inner loop that takes its steps."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from landscape.compiled import blamed_on_compiler
from landscape.randomness import derive_seed
from landscape.training.config import TrainingConfig
from landscape.training.determinism import repeatable, seed_random_state
from landscape.training.evaluation import LossFunction, Scores, blamed_on_user, chunks, evaluate
from landscape.training.optimizer_state import SHADOW, SHADOW_BETA2, OptimizerState, flat_tensors
from landscape.training.running_average import RunningAverage


@dataclass(frozen=True)
class Run:
    """Everything that the steps of one training work on; the tensors in it change, the fields do not.

    Args:
        model: The live model.
        loss: Function of (outputs, targets) giving the mean over examples.
        config: How to train.
        parameters: Trainable parameters in the order of ``named_parameters()``.
        optimizer: Over exactly these.
        train: Training examples on the device.
        test: Test examples on the device.
        classes: Whether targets are classes, so that there is an accuracy.
        learning_rates: Of every step.
        shadow: Second moment that Adam would have, shape ``(n,)``, where the optimizer keeps none.
        norms: Sum of gradient norms since it was last set to zero.
        closure: Whether a step of the optimizer asks for the gradient itself, possibly several times.
        forward: What takes the training steps' forward passes instead of the model: its compiled form.
        averages: Of the weights, which every step goes on with.
    """

    model: nn.Module
    loss: LossFunction
    config: TrainingConfig
    parameters: tuple[nn.Parameter, ...]
    optimizer: torch.optim.Optimizer
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    classes: bool
    learning_rates: tuple[float, ...]
    shadow: Tensor | None
    norms: Tensor
    closure: bool = False
    forward: Callable[[Tensor], Tensor] | None = None
    averages: tuple[RunningAverage, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where everything lies."""
        return self.train[0].device

    @property
    def batch_size(self) -> int:
        """Examples of every step but the last of an epoch, which takes what is left."""
        return min(self.config.batch_size or len(self.train[0]), len(self.train[0]))

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one pass over the training set."""
        return math.ceil(len(self.train[0]) / self.batch_size)

    def epochs_at(self, step: int) -> float:
        """Return the passes over the training set after so many steps."""
        return step / self.steps_per_epoch

    def examples_at(self, step: int) -> int:
        """Return the examples seen after so many steps."""
        epochs, steps = divmod(step, self.steps_per_epoch)
        return epochs * len(self.train[0]) + steps * self.batch_size

    def evaluate_train(self) -> Scores:
        """Return loss and accuracy over the training set."""
        return self._evaluate(self.train)

    def evaluate_test(self) -> Scores:
        """Return loss and accuracy over the test set."""
        return self._evaluate(self.test)

    def optimizer_state(self, step: int) -> OptimizerState:
        """Return the optimizer's state after ``step`` steps, copied to the CPU."""
        tensors = flat_tensors(self.optimizer, self.parameters)
        if self.shadow is not None and step:
            tensors[SHADOW] = self.shadow.to("cpu", copy=True)
        lr = self.learning_rates[max(step - 1, 0)]
        return OptimizerState(self.config.optimizer, self.config.optimizer_options, lr, step, tensors)

    def _evaluate(self, examples: tuple[Tensor, Tensor]) -> Scores:
        with repeatable(self.device):
            # for a model that draws even in evaluation mode
            seed_random_state(derive_seed(self.config.seed, "evaluation"), self.device)
            return evaluate(self.model, self.loss, examples, max_batch=self.config.max_batch, classes=self.classes)


def take_steps(run: Run, first: int, last: int) -> Iterator[int]:
    """Take the steps from ``first`` to ``last``, giving the number taken after each.

    An epoch's order of the data follows from (seed, epoch) and a step's dropout from (seed, step) alone, so that any
    step can be taken again. The caller keeps torch's global random state, which this seeds. Nothing is read back from
    the device.

    Yields:
        Steps of the whole run taken so far.

    Raises:
        ProblemError: If the model, its loss or the optimizer raises.
    """
    step = first
    run.model.train()
    with blamed_on_user("training"):
        while step < last:
            epoch, done = divmod(step, run.steps_per_epoch)
            for x, y in itertools.islice(_batches(run, epoch, done + last - step), done, None):
                seed_random_state(derive_seed(run.config.seed, "dropout", step), run.device)
                _take_step(run, x, y, run.learning_rates[step])
                step += 1
                for average in run.averages:
                    average.absorb(step, run.parameters)
                yield step


def warm_up(run: Run) -> None:
    """Do one forward and backward pass and forget it, so that no run's first epoch pays for starting up."""
    buffers = [(each, each.clone()) for each in run.model.buffers()]
    run.model.train()
    with repeatable(run.device), blamed_on_user("training"), blamed_on_compiler():
        loss_and_gradient(run, *next(_batches(run, 0, 1)))
    clear_gradients(run)
    with torch.no_grad():
        for live, kept in buffers:
            live.copy_(kept)


def loss_and_gradient(run: Run, x: Tensor, y: Tensor) -> Tensor:
    """Add the gradient of the mean loss over a batch to that on the parameters, and return the loss."""
    most = run.config.max_batch
    if len(x) <= most:
        loss = _training_loss(run, x, y)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
    total = torch.zeros((), device=run.device, dtype=run.norms.dtype)
    for inputs, targets in chunks((x, y), most):
        part = _training_loss(run, inputs, targets) * (len(inputs) / len(x))
        part.backward()  # type: ignore[no-untyped-call]
        total += part.detach()
    return total


def clear_gradients(run: Run) -> None:
    """Leave no gradients on the model (None rather than zero: backward then writes without adding)."""
    for parameter in run.parameters:
        parameter.grad = None


def data_order(run: Run, epoch: int) -> Tensor:
    """Return the rows of the training set in the order of one epoch; drawn on the CPU, so that devices agree."""
    generator = torch.Generator().manual_seed(derive_seed(run.config.seed, "data order", epoch))
    return torch.randperm(len(run.train[0]), generator=generator).to(run.device)


def _batches(run: Run, epoch: int, at_most: int) -> Iterator[tuple[Tensor, Tensor]]:
    x, y = run.train
    if run.steps_per_epoch == 1:
        yield x, y
        return
    for rows in torch.split(data_order(run, epoch), run.batch_size)[:at_most]:
        yield x.index_select(0, rows), y.index_select(0, rows)


def _take_step(run: Run, x: Tensor, y: Tensor, lr: float) -> None:
    for group in run.optimizer.param_groups:
        group["lr"] = lr
    if run.closure:
        run.optimizer.step(_closure(run, x, y))  # type: ignore[arg-type]
        return
    _gradient(run, x, y)
    run.optimizer.step()


def _gradient(run: Run, x: Tensor, y: Tensor, *, record: bool = True) -> Tensor:
    """Leave the gradient of a step on the parameters, clipped, and return the loss."""
    clear_gradients(run)
    loss = loss_and_gradient(run, x, y)
    norm = None
    if run.config.clip_norm is not None:
        norm = nn.utils.clip_grad_norm_(run.parameters, run.config.clip_norm)
    if record:
        _record_gradient(run, norm)
    return loss


def _closure(run: Run, x: Tensor, y: Tensor) -> Callable[[], Tensor]:
    """Return what computes the gradient of a batch anew; only the first call is recorded and moves buffers."""
    calls = itertools.count()

    def closure() -> Tensor:
        if not next(calls):
            return _gradient(run, x, y)
        buffers = [(each, each.clone()) for each in run.model.buffers()]
        loss = _gradient(run, x, y, record=False)
        with torch.no_grad():
            for live, kept in buffers:
                live.copy_(kept)
        return loss

    return closure


def _training_loss(run: Run, x: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss; with mixed precision from outputs that are back in the parameters' own."""
    forward = run.model if run.forward is None else run.forward
    if run.config.amp is None:
        return run.loss(forward(x), y)
    with torch.autocast(run.device.type, dtype=torch.bfloat16):
        outputs = forward(x)
    return run.loss(outputs.to(run.norms.dtype), y)


def _record_gradient(run: Run, norm: Tensor | None) -> None:
    """Add the gradient to the sum of norms and to the shadow: as one flat vector, 4 operations in all."""
    if norm is not None:
        run.norms.add_(norm)
    if norm is not None and run.shadow is None:
        return
    gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in run.parameters]
    flat = torch.cat([each.reshape(-1) for each in gradients])
    if norm is None:
        run.norms.add_(torch.linalg.vector_norm(flat))
    if run.shadow is not None:
        run.shadow.mul_(SHADOW_BETA2).addcmul_(flat, flat, value=1 - SHADOW_BETA2)
