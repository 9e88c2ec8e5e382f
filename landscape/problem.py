r"""Model + loss + examples = L(theta) on a flat vector."""

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape.batches import Batches, batch_size_of, move_batch
from landscape.errors import ProblemError, UsageError
from landscape.loss_contract import LossOfModel, criterion_of, describe, loss_contract, refuse_ignored
from landscape.randomness import derive_seed


@dataclass(frozen=True)
class Evaluation:
    """Mean loss and share of right decisions over all examples (``accuracy`` is None without classes)."""

    loss: float
    accuracy: float | None


class Problem:
    r"""The training objective of a model as a function of one flat vector.

    $$L(\theta) = \frac1N \sum_{i=1}^N \ell(f_\theta(x_i), y_i) + \frac{\text{weight\_decay}}{2}|\theta|^2$$

    The mean is over examples: a batch counts by its size, so an uneven last batch changes nothing. The model is
    never written to: parameters are swapped in for each call, its mode is put back, no gradients are left.

    Args:
        model: Any module. Its trainable parameters, each once (tied ones too), in the order of
            ``named_parameters()``, make up theta.
        loss: ``"cross_entropy"`` or another registered name, a criterion ``(outputs, targets) -> mean``, or a
            function whose first argument is named ``model``: ``(model, batch) -> scalar mean over the batch``.
        data: Tensors ``(x, y)``, a ``Dataset``, or any iterable of batches that can be gone through again.
        batch_size: Examples per forward pass for tensors and a ``Dataset``; chosen by their size when None. It
            changes memory and speed, not numbers.
        dtype: Precision of parameters and inputs in every computation; the model's own by default.
        device: Where to compute; where the model lies by default.
        weight_decay: Coefficient of the $|\theta|^2/2$ term; 0 leaves it out.
        batch_norm: ``"evaluation"`` (running statistics) or ``"batch"`` (statistics of each batch): two
            different functions, two different Hessians.

    Raises:
        ProblemError: If there are no trainable parameters or no examples.

    Example:
        >>> import torch
        >>> x, y = torch.randn(20, 3), torch.randint(2, (20,))
        >>> problem = Problem(torch.nn.Linear(3, 2), "cross_entropy", (x, y))
        >>> problem.num_parameters, problem.num_examples
        (8, 20)
    """

    def __repr__(self) -> str:
        """Return what it is a problem of."""
        return f"Problem({type(self.model).__name__}, {self.num_parameters} parameters, {self.num_examples} examples)"

    def __init__(
        self,
        model: nn.Module,
        loss: str | Callable[..., Tensor],
        data: Any,
        *,
        batch_size: int | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        weight_decay: float = 0.0,
        batch_norm: str = "evaluation",
    ) -> None:
        self.model: nn.Module = getattr(model, "_orig_mod", model)
        named = [(name, each) for name, each in self.model.named_parameters() if each.requires_grad]
        if not named:
            raise ProblemError("The model has no trainable parameters. Set requires_grad on what to measure.")
        self.parameter_names = tuple(name for name, _ in named)
        self.shapes = tuple(each.shape for _, each in named)
        self.sizes = [each.numel() for _, each in named]
        self.num_parameters = sum(self.sizes)
        self.dtype = dtype or named[0][1].dtype
        self.device = torch.device(device) if device is not None else named[0][1].device
        self.weight_decay = weight_decay
        self.batch_norm = batch_norm
        self._criterion = criterion_of(loss)
        self._loss_of_model = LossOfModel(self.model, loss_contract(loss))
        self._batches = Batches(data, batch_size)
        self.num_examples = 0
        for batch in self._batches:
            refuse_ignored(self._criterion, batch)
            self.num_examples += batch_size_of(batch)
        if not self.num_examples:
            raise ProblemError("There are no examples: the data yields nothing.")

    @property
    def theta(self) -> Tensor:
        """The model's present parameters as one new vector, shape ``(n,)``."""
        parameters = dict(self.model.named_parameters())
        return self.flatten([parameters[name].detach() for name in self.parameter_names])

    def flatten(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return tensors shaped like the parameters as one vector of shape ``(n,)``."""
        return torch.cat([each.reshape(-1).to(self.device, self.dtype) for each in tensors])

    def unflatten(self, theta: Tensor) -> list[Tensor]:
        """Return views of a vector of shape ``(n,)`` shaped like the parameters."""
        pieces = torch.split(theta, self.sizes)
        return [piece.view(shape) for piece, shape in zip(pieces, self.shapes, strict=True)]

    def batches(self) -> Iterator[tuple[Any, float]]:
        """Go through (batch on the device, its share of all examples)."""
        for batch in self._batches:
            yield move_batch(batch, self.device, self.dtype), batch_size_of(batch) / self.num_examples

    def subset(self, count: int, seed: int = 0) -> "Problem":
        """Return the same objective of ``count`` examples drawn without replacement; everything else is shared.

        Raises:
            UsageError: If there are not so many examples.
        """
        return self._of(self._drawn(count, seed, f"a subset of {count}"))

    def split(self, count: int, seed: int = 0) -> tuple["Problem", "Problem"]:
        """Return the same objective of two disjoint sets of ``count`` examples each, drawn without replacement.

        Raises:
            UsageError: If there are not so many examples.
        """
        drawn = self._drawn(2 * count, seed, f"two disjoint sets of {count}")
        return self._of(drawn[:count]), self._of(drawn[count:])

    def with_data(self, data: Any, *, dtype: torch.dtype | None = None) -> "Problem":
        """Return the same objective of other examples, in another precision if asked for; the model is shared."""
        other = copy.copy(self)
        other._batches = Batches(data)
        other.num_examples = sum(batch_size_of(batch) for batch in other._batches)
        other.dtype = dtype or self.dtype
        return other

    def in_precision(self, dtype: torch.dtype) -> "Problem":
        """Return the same objective computed in another precision; the model and the examples are shared."""
        other = copy.copy(self)
        other.dtype = dtype
        return other

    def with_criterion(self, criterion: Callable[[Tensor, Tensor], Tensor]) -> "Problem":
        """Return the same model and examples with another loss, a function of (outputs, targets)."""
        other = copy.copy(self)
        other._criterion = criterion
        other._loss_of_model = LossOfModel(self.model, loss_contract(criterion))
        return other

    def with_model(self, model: nn.Module) -> "Problem":
        """Return the same objective of another model whose parameters have the same names and shapes."""
        other = copy.copy(self)
        other.model = model
        other._loss_of_model = LossOfModel(model, self._loss_of_model.loss)
        return other

    def _drawn(self, count: int, seed: int, what: str) -> Tensor:
        if not 1 <= count <= self.num_examples:
            raise UsageError(f"Cannot draw {what} examples: there are {self.num_examples}. Ask for 1 to as many.")
        generator = torch.Generator().manual_seed(derive_seed(seed, "subset of examples"))
        return torch.randperm(self.num_examples, generator=generator)[:count]

    def _of(self, indices: Tensor) -> "Problem":
        """Return the problem of the examples at these positions."""
        chosen = copy.copy(self)
        chosen._batches = self._batches.take(indices.sort().values)
        chosen.num_examples = len(indices)
        return chosen

    def batch_loss(self, parameters: Sequence[Tensor], batch: Any) -> Tensor:
        """Return the mean loss of one batch, differentiable in ``parameters`` as often as wanted.

        Raises:
            ProblemError: If the loss is no scalar.
        """
        swapped = self._swapped(parameters, prefix="model.")
        with self.mode(), sdpa_kernel(SDPBackend.MATH):
            loss = torch.func.functional_call(self._loss_of_model, swapped, (batch,))
        if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.is_floating_point():
            raise ProblemError(f"The loss must be one number for a batch; it gave {describe(loss)}.")
        return loss.reshape(())

    def batch_outputs(self, parameters: Sequence[Tensor], batch: Any) -> Tensor:
        """Return the model's outputs for one batch ``(x, y)``, differentiable in ``parameters``.

        Raises:
            ProblemError: If the outputs are no single tensor.
        """
        with self.mode(), sdpa_kernel(SDPBackend.MATH):
            outputs = torch.func.functional_call(self.model, self._swapped(parameters), (batch[0],))
        if not isinstance(outputs, Tensor):
            raise ProblemError(f"The outputs must be one tensor here; the model gave {describe(outputs)}.")
        return outputs

    def batch_criterion(self, outputs: Tensor, batch: Any) -> Tensor:
        """Return the mean loss of one batch ``(x, y)`` as a function of the outputs."""
        return self.require_criterion()(outputs, batch[1])

    def require_criterion(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the loss as a function of (outputs, targets).

        Raises:
            ProblemError: If it is a function of (model, batch), which has no outputs to speak of.
        """
        if self._criterion is None:
            raise ProblemError(
                "This needs the outputs of the model, which a loss(model, batch) does not show. Give a criterion "
                "(outputs, targets) and batches (x, y)."
            )
        return self._criterion

    def loss(self, theta: Tensor | None = None) -> float:
        """Return L(theta), accumulated in float64 over batches; at the model's own parameters by default."""
        theta = self.theta if theta is None else theta
        parameters, total = self.unflatten(theta), 0.0
        with torch.no_grad():
            for batch, share in self.batches():
                total += share * float(self.batch_loss(parameters, batch))
        return total + self._penalty(theta)

    def gradient(self, theta: Tensor | None = None) -> Tensor:
        """Return the gradient of L at theta, shape ``(n,)``."""
        theta = (self.theta if theta is None else theta).detach()
        leaves = [each.clone().requires_grad_() for each in self.unflatten(theta)]
        total = self.weight_decay * theta
        for batch, share in self.batches():
            loss = self.batch_loss(leaves, batch)
            total += share * self.flatten(torch.autograd.grad(loss, leaves, materialize_grads=True))
        return total

    def evaluate(self, theta: Tensor | None = None) -> Evaluation:
        """Return mean loss and accuracy over all examples at theta; without the weight decay term.

        Accuracy needs batches ``(x, y)`` with a criterion and integer labels; otherwise it is None.
        """
        theta = self.theta if theta is None else theta
        parameters, loss, right = self.unflatten(theta), 0.0, 0.0
        classes = self._criterion is not None
        with torch.no_grad():
            for batch, share in self.batches():
                if self._criterion is None:
                    loss += share * float(self.batch_loss(parameters, batch))
                    continue
                outputs = self.batch_outputs(parameters, batch)
                loss += share * float(self._criterion(outputs, batch[1]))
                classes = classes and not batch[1].is_floating_point() and outputs.ndim == 2
                if classes:
                    right += share * float((outputs.argmax(1) == batch[1]).double().mean())
        return Evaluation(loss, right if classes else None)

    @contextlib.contextmanager
    def mode(self) -> Iterator[None]:
        """Put the model into evaluation mode (BatchNorm as asked for), and back into the modes it had."""
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        if self.batch_norm == "batch":
            for module in self.model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.training = True
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training

    def _swapped(self, parameters: Sequence[Tensor], prefix: str = "") -> dict[str, Tensor]:
        """Return what functional_call puts in place of the model's own: trainable, frozen, copies of buffers."""
        swapped = {f"{prefix}{name}": self._cast(each) for name, each in self.model.named_parameters()}
        copy = self.batch_norm == "batch"
        for name, each in self.model.named_buffers():
            swapped[f"{prefix}{name}"] = self._cast(each.clone() if copy else each)
        for name, each in zip(self.parameter_names, parameters, strict=True):
            swapped[f"{prefix}{name}"] = each
        return swapped

    def _cast(self, tensor: Tensor) -> Tensor:
        tensor = tensor.detach()
        return tensor.to(self.device, self.dtype if tensor.is_floating_point() else tensor.dtype)

    def _penalty(self, theta: Tensor) -> float:
        return 0.5 * self.weight_decay * float(theta.double().square().sum()) if self.weight_decay else 0.0


def require_problem(problem: object, what: str) -> None:
    """Refuse anything else where a problem belongs.

    Raises:
        UsageError: If it is no `Problem`.
    """
    if not isinstance(problem, Problem):
        raise UsageError(
            f"{what} takes a Problem, not a {type(problem).__name__}: {what}(landscape.Problem(model, loss, data))."
        )
